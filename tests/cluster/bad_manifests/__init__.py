"""Manifests that each break one rule: the stage that must refuse it, and the words that must be in the refusal.

Each is a good manifest with one change. Mended is the manifest without the change, and must be accepted.
"""

from tests.cluster.bad_manifests.admission import ADMISSION
from tests.cluster.bad_manifests.bad import Bad, Stage
from tests.cluster.bad_manifests.pod_security import POD_SECURITY
from tests.cluster.bad_manifests.schema import SCHEMA

BAD = (*SCHEMA, *POD_SECURITY, *ADMISSION)

__all__ = ["BAD", "Bad", "Stage"]
