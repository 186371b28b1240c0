"""How people's touches lie about their keys: public figures, the same for everybody.

Key widths and heights, x and y, y growing downwards. Zhu et al. (CHI 2018): touches on phones lie -0.10 and
+0.15 off their keys with a spread of 0.26 and 0.18, all people together; the means of the keys differ by
0.05. People's own means differ by 0.08 about the former, their own spread lies in 0.20..0.27 x 0.17..0.20.
"""

from __future__ import annotations

from typing import Final

MEAN_OFFSET: Final = (-0.10, 0.15)
OFFSET_DEVIATION: Final = 0.08  # person to person
KEY_DEVIATION: Final = 0.05  # key to key
SPREAD: Final = (0.26, 0.18)  # of everybody's touches
SPREAD_X: Final = (0.20, 0.27)  # of one person's touches, person to person
SPREAD_Y: Final = (0.17, 0.20)
SCALE: Final = 0.844  # on all of these: 8 % of letters go wrong on QWERTY (`testing.typist.touch_scale`)
