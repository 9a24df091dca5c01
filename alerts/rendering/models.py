"""The table of editions: an issue as one group of readers gets it."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime


class Edition(Base):
    """Issue × variant, rendered once; readers' own values are filled into its slots later.

    `variant` is the checksum of the item keys it holds, so readers whose different wishes come to
    the same pieces share one edition.
    """

    __tablename__ = "editions"
    __table_args__ = (UniqueConstraint("issue_id", "variant"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    variant: Mapped[str] = mapped_column(String(64))
    item_keys: Mapped[list[str]] = mapped_column(JsonColumn)
    subject: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    checksum: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
