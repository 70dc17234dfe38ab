#include "runtime/core/Status.h"
#include "tools/nyala-inspect/RematReport.h"

namespace nyala::inspect {

RematReport readRematReport(const std::string &path) {
  throw rt::Failure(NYALA_UNSUPPORTED, "'" + path +
                                           "' is a report of rematerialization, but this "
                                           "nyala-inspect was built without LLVM; use one of a "
                                           "build with the compiler");
}

} // namespace nyala::inspect
