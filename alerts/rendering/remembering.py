"""What a template's macro prints of a piece, asked once for all editions that hold the piece."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from jinja2 import TemplateRuntimeError, pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Macro

from alerts.rendering.hygiene import KEPT_PIECES


def rememberer() -> Callable[..., str]:
    """Return `remembered(macro, …)` for an environment's templates.

    It prints what the macro would print of these arguments, and may print what it did before: so it
    is for macros that look at nothing else, such as those of a file that is imported without its
    context. Raises TemplateRuntimeError for what is no macro: a template from outside could call
    by it what the sandbox keeps from it.
    """
    # By the macro itself: those of a template that was edited, or is no longer kept, go with it.
    kept: WeakKeyDictionary[Macro, dict[tuple[object, ...], str]] = WeakKeyDictionary()

    @pass_eval_context
    def remembered(context: EvalContext, macro: object, *arguments: object) -> str:
        if not isinstance(macro, Macro):
            raise TemplateRuntimeError("remembered() takes a macro, and what it is to be given")
        printed = kept.setdefault(macro, {})
        # 1, 1.0 and true are one key, and not one text.
        key = (context.autoescape, *((type(one), one) for one in arguments))
        try:
            found = printed.get(key)
        except TypeError:
            # A list, or the like, which may change.
            return macro(context, *arguments)
        if found is None:
            if len(printed) >= KEPT_PIECES:
                # All goes, with those of the issues before.
                printed.clear()
            found = printed[key] = macro(context, *arguments)
        return found

    return remembered
