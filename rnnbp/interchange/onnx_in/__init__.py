"""Internal: graphs of ONNX in reading: operands with the roles of their axes, nodes by operator."""
