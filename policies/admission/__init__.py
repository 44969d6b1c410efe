"""What the API server refuses in our namespaces, as data: each rule with its remedy and its written exceptions."""

from policies.admission import objects, pods
from policies.admission.rule import Allowed, Rule, Subject

RULES = (*pods.RULES, *objects.RULES)

__all__ = ["RULES", "Allowed", "Rule", "Subject"]
