#include "frontends/hf/SafetensorsHeader.h"
#include "ir/storage/Error.h"

#include <nlohmann/json.hpp>

#include <set>

namespace nyala::hf {
namespace {

/// More than torch's tensors have.
constexpr size_t maxRank = 64;

/// Takes the parser's events one after the other; which ones may come next is decided by where in
/// the header they are, so that nothing is nested deeper than the format has it.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
public:
  explicit HeaderHandler(const std::string &path) : path(path) {}

  Header take() { return std::move(header); }

  bool null() override { refuse("null"); }
  bool boolean(bool) override { refuse("a bool"); }
  bool number_float(double, const std::string &) override { refuse("a float"); }
  bool number_integer(int64_t value) override { refuse(std::to_string(value)); }
  bool binary(binary_t &) override { refuse("binary data"); }

  bool number_unsigned(uint64_t value) override {
    if (place != Place::List)
      refuse(std::to_string(value));
    if (list->size() == (field == "shape" ? maxRank : 2))
      fail("its '" + field + "' has too many numbers, expected " +
           (field == "shape" ? "at most " + std::to_string(maxRank) : "2"));
    list->push_back(value);
    return true;
  }

  bool string(std::string &value) override {
    if (place == Place::Metadata) {
      header.metadata[field] = std::move(value);
      return true;
    }
    if (place != Place::Tensor || field != "dtype")
      refuse("the text " + quote(value));
    entry->type = std::move(value);
    field.clear();
    return true;
  }

  bool start_object(size_t) override {
    if (place == Place::Start)
      place = Place::Header;
    else if (place == Place::Header)
      place = isMetadata ? Place::Metadata : Place::Tensor;
    else
      refuse("an object");
    fields.clear();
    return true;
  }

  bool key(std::string &name) override {
    if (place == Place::Header) {
      enter(name);
      return true;
    }
    // Keys of the metadata may be any and many.
    if (place == Place::Metadata) {
      field = std::move(name);
      return true;
    }
    if (!fields.insert(name).second)
      fail("the key " + quote(name) + " comes twice");
    if (name != "dtype" && name != "shape" && name != "data_offsets")
      fail("unknown key " + quote(name) + ", expected 'dtype', 'shape' and 'data_offsets'");
    field = name;
    return true;
  }

  bool end_object() override {
    if (place == Place::Tensor)
      for (const char *name : {"dtype", "shape", "data_offsets"})
        if (!fields.contains(name))
          fail(std::string("the key '") + name + "' is missing");
    place = place == Place::Header ? Place::End : Place::Header;
    return true;
  }

  bool start_array(size_t) override {
    if (place != Place::Tensor || (field != "shape" && field != "data_offsets"))
      refuse("an array");
    list = field == "shape" ? &entry->shape : &entry->offsets;
    place = Place::List;
    return true;
  }

  bool end_array() override {
    if (field == "data_offsets" && list->size() != 2)
      fail("'data_offsets' has " + std::to_string(list->size()) + " numbers, expected 2");
    place = Place::Tensor;
    return true;
  }

  bool parse_error(size_t position, const std::string &,
                   const nlohmann::json::exception &) override {
    throw Error(path + ": the header is not valid JSON at byte " +
                std::to_string(sizeof(uint64_t) + position));
  }

private:
  enum class Place { Start, Header, Metadata, Tensor, List, End };

  void enter(const std::string &name) {
    tensor = name;
    isMetadata = name == "__metadata__";
    if (isMetadata ? std::exchange(hasMetadata, true) : header.entries.contains(name))
      fail("comes twice");
    if (!isMetadata)
      entry = &header.entries[name];
  }

  [[noreturn]] void fail(const std::string &message) const {
    throw Error(path + ": header: " + (isMetadata ? "" : "tensor ") + quote(tensor) + ": " +
                message);
  }
  /// For a value of a kind that does not belong where it stands.
  [[noreturn]] void refuse(const std::string &value) const {
    if (place == Place::Start)
      throw Error(path + ": the header is " + value + ", expected an object of tensors");
    if (place == Place::Header)
      fail("is " + value + ", expected an object");
    if (place == Place::Metadata)
      fail("holds " + value + ", expected texts alone");
    if (place == Place::List)
      fail("'" + field + "' holds " + value + ", expected whole numbers from 0 up");
    fail("'" + field + "' is " + value + ", expected " +
         (field == "dtype" ? "a text" : "an array of numbers"));
  }

  const std::string &path;
  Place place = Place::Start;
  std::string tensor; ///< or "__metadata__": what stands in the header
  std::string field;  ///< of the tensor, or a key of the metadata
  bool isMetadata = false, hasMetadata = false;
  std::set<std::string, std::less<>> fields; ///< of the tensor, so far
  TensorEntry *entry = nullptr;
  std::vector<uint64_t> *list = nullptr;
  Header header;
};

} // namespace

Header parseHeader(const std::string &path, std::string_view json) {
  HeaderHandler handler(path);
  nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return handler.take();
}

} // namespace nyala::hf
