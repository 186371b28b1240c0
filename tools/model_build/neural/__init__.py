"""The neural language model: its text, its training (torch), its int8 ONNX graph."""
