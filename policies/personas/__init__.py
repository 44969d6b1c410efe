"""Who may do what: the personas, their rights, and the table of what each can and cannot. Data alone."""

from policies.personas.model import Persona, Rule, Way
from policies.personas.personas import AUDITOR, PERSONAS, PLATFORM_ADMIN, RELEASE_BOT, SHOP_DEVELOPER

__all__ = [
    "AUDITOR",
    "PERSONAS",
    "PLATFORM_ADMIN",
    "RELEASE_BOT",
    "SHOP_DEVELOPER",
    "Persona",
    "Rule",
    "Way",
]
