"""ibus-typing-booster's own suggestions: `python3 booster.py FILE`, with its database in FILE.

Questions and lessons are lines of JSON: {"typed", "before"} is answered by a list, {"kept", "before"} by
null. before: the two words before it, the last one first. For the system's Python, which has what it imports.
"""

from __future__ import annotations

import json
import sys
from typing import Any

sys.path.insert(0, "/usr/share/ibus-typing-booster/engine")
import tabsqlitedb  # type: ignore[import-not-found]


def suggested(tables: Any, typed: str, before: list[str]) -> list[str]:
    """Return its candidates, best first, in the order in which its engine puts them."""
    if not typed:
        return []  # it shows none before the first letter
    found = tables.select_words(typed, *before)
    if found and found[0][0] == typed:  # as its engine does: what is typed already is of no use
        first = found[0][1]
        likely = {
            word: count + first if len(word) > len(typed) and word.startswith(typed) else count
            for word, count in found
        }
        found = tables.best_candidates(likely)
    return [str(word) for word, _ in found]


def main() -> None:
    """Answer until there are no more questions."""
    tables = tabsqlitedb.TabSqliteDb(user_db_file=sys.argv[1])
    tables.hunspell_obj.set_dictionary_names(["en_US"])
    for line in sys.stdin:
        asked = json.loads(line)
        if "kept" in asked:
            tables.check_phrase_and_update_frequency(asked["kept"], asked["kept"], *asked["before"])
            answer = None
        else:
            answer = suggested(tables, asked["typed"], asked["before"])[:9]
        print(json.dumps(answer), flush=True)


main()
