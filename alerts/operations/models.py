"""Tables of what operations remember between one look and the next."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, UtcDateTime


class Beat(Base):
    """When something that is to happen again and again last did, such as the tick."""

    __tablename__ = "beats"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
