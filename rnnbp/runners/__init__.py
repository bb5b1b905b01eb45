"""Internal: what runs a Recurrent: the interpreter, NumPy programs, or LLVM kernels."""
