//===- ProductUnits.cpp - Sums as tensor cores leave them -----------------===//
#include "codegen/cuda/ProductUnits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

LanePlaces::LanePlaces(ThreadEmitter &e)
    : group(arith::DivUIOp::create(e.b, e.getLane(), e.index(kPlaces))),
      place(arith::RemUIOp::create(e.b, e.getLane(), e.index(kPlaces))) {}

void nyala::cuda::keepSums(ThreadEmitter &e, const LanePlaces &places,
                           const ProductUnit::Fragment &fragment, bool paired,
                           const ProductRows &rows,
                           function_ref<Value(int64_t octet, int64_t number)> getSum,
                           ProductUnit::Keep keep) {
  auto add = [&](Value l, int64_t r) { return e.b.createOrFold<arith::AddIOp>(l, e.index(r)); };
  Value two = e.index(2);
  Value first = paired ? Value(arith::MulIOp::create(e.b, places.group, two)) : places.group;
  Value row = arith::MulIOp::create(e.b, places.place, two);
  auto keepAll = [&] {
    for (int64_t octet = 0; octet < rows.getOctets(); ++octet)
      for (int64_t number = 0; number < LanePlaces::kSums; ++number) {
        int64_t ofColumn = number / 2, ofRow = number % 2;
        if ((ofColumn > 0 && !fragment.second) || (ofRow > 0 && rows.isSingle()))
          continue;
        keep(add(first, ofColumn * (paired ? 1 : kOctet)),
             rows.isSingle() ? e.index(0) : add(row, octet * kOctet + ofRow),
             getSum(octet, number));
      }
  };
  if (!rows.isSingle())
    return keepAll();
  e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, places.place, e.index(0)), keepAll);
}
