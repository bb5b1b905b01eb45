"""What to do instead of arguments that other libraries take for files and conversions."""

from __future__ import annotations

from rnnbp.ways.way import Way

INTERCHANGE = (
    Way(
        "to_onnx",
        "input_names output_names",
        "inputs and outputs are called as in the Graph: rnnbp.Input(3, 'x'), "
        "rnnbp.Graph(x, {{'y': y}})",
    ),
    Way(
        "to_onnx",
        "dynamic_axes dynamic_shapes dynamo",
        "batch and time are always symbolic; leave it out",
    ),
    Way(
        "to_onnx",
        "args example_inputs input_signature input_shape",
        "shapes follow from the layers; leave it out, or give shape= where they leave the features "
        "of x open",
    ),
    Way(
        "save load",
        "overwrite include_optimizer save_format map_location weights_only compile safe_mode",
        "save replaces a file once the new one is complete, and load runs no code; leave it out; "
        "folder= of rnnbp.fit keeps the optimiser too",
    ),
)
