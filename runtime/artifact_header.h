//===- artifact_header.h - Fixed header of a model.nyala file ---*- C -*-===//
//
// The first 64 bytes of an artifact, little endian. Shared by the writer
// (codegen/package) and the loader (runtime/core); docs/artifact-format.md.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_ARTIFACT_HEADER_H
#define NYALA_RUNTIME_ARTIFACT_HEADER_H

#include <stdint.h>

#define NYALA_ARTIFACT_MAGIC "NYALAMDL"
/// Raised whenever a loader of an older version could misread the file.
#define NYALA_ARTIFACT_VERSION 3u
/// Alignment of segments in the file: the page size of x86-64.
#define NYALA_ARTIFACT_PAGE 4096u
/// Tokens that a model may have: bounds what a runtime allocates for one it does not trust.
#define NYALA_MAX_VOCABULARY (1u << 24)

typedef struct {
  char magic[8];
  uint32_t version;
  uint32_t abi_version;    /* NYALA_KERNEL_ABI_VERSION the kernels were made for */
  uint64_t file_size;      /* of the whole file: detects truncation */
  uint64_t program_offset; /* of the FlatBuffer */
  uint64_t program_size;
  uint64_t program_checksum; /* XXH3-64 of the FlatBuffer */
  uint64_t reserved;         /* 0 */
  uint64_t header_checksum;  /* XXH3-64 of the 56 bytes before it */
} nyala_artifact_header;

#endif /* NYALA_RUNTIME_ARTIFACT_HEADER_H */
