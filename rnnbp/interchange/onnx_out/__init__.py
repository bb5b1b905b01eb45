"""Internal: a model as a graph of ONNX nodes. Imports onnx in ``protos`` alone, inside functions."""
