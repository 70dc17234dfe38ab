// RUN: nyala-opt %s --nyala-form-dispatches --split-input-file --verify-diagnostics

// expected-error @below {{has no target; expected the attribute 'nyala.targets' to hold a list of #nyala.cpu_target and #nyala.cuda_target}}
module {
  func.func @f() attributes {nyala.entry} {
    return
  }
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
  func.func @f(%x: tensor<?x16xf32> {nyala.role = "x"}) -> tensor<?x16xf32> attributes {nyala.entry} {
    // expected-error @below {{has no bound on its rows: expected an argument with 'nyala.max_rows'; run nyala-specialize-entries first}}
    %0 = nyala.activation silu %x : tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}

// -----

// Rows that come from no argument.
module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
  func.func @f(%n: index) -> tensor<?x16xf32> attributes {nyala.entry} {
    %e = tensor.empty(%n) : tensor<?x16xf32>
    // expected-error @below {{has no bound on its rows}}
    %0 = nyala.activation silu %e : tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
  // expected-error @below {{expected the body of an entry point to be one block}}
  func.func @f() attributes {nyala.entry} {
    cf.br ^next
  ^next:
    return
  }
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
  // expected-error @below {{expected the body of an entry point to be one block}}
  func.func private @f() attributes {nyala.entry}
}
