//===- JsonFile.h - JSON files of a checkpoint ------------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_HF_JSONFILE_H
#define NYALA_FRONTENDS_HF_JSONFILE_H

#include <nlohmann/json.hpp>

#include <string>

namespace nyala::hf {

/// The object in a file. Throws nyala::Error naming the file for one that is not there, is larger
/// than `maxBytes` (a tree takes about 30 times its text), is not JSON, is no object, is nested
/// deeper than 64, or has a key twice, which readers of JSON understand differently.
nlohmann::json readJsonFile(const std::string &path, size_t maxBytes);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_JSONFILE_H
