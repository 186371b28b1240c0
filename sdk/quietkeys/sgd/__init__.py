"""For other apps: a few dense features and a few dozen examples, and a trainer that cannot read them.

The recipe `sgd` (docs/RECIPES.md). Keys and encryption are Concrete's, which the extra `sgd` installs; an app
that counts, as the keyboard does, needs nothing of this.
"""

from __future__ import annotations

from quietkeys.sgd.judging import Examples
from quietkeys.sgd.learner import Learner, Trained
from quietkeys.sgd.parameters import SgdParameters
from quietkeys_protocol.sgd_plan import Feature, SgdPlan

__all__ = ["Examples", "Feature", "Learner", "SgdParameters", "SgdPlan", "Trained"]
