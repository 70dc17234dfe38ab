// An object library needs a source; MlirHeaders.h is what it precompiles.
