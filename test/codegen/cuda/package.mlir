// Kernels of a GPU, written by hand, from gpu.func to what an artifact holds of them.
// RUN: nyala-opt %s --nyala-program-pipeline > %t.mlir
// RUN: FileCheck %s --check-prefix=LOW < %t.mlir
// RUN: nyala-compile %t.mlir --compile-from=program -o %t.nyala --ptx-only 2>&1 | FileCheck %s --check-prefix=SUMMARY
// RUN: nyala-inspect %t.nyala --disassemble | FileCheck %s --check-prefix=PTX
// RUN: nyala-inspect %t.nyala --disassemble dot | FileCheck %s --check-prefix=ONE
// RUN: nyala-inspect %t.nyala | FileCheck %s --check-prefix=FACTS
// RUN: nyala-inspect %t.nyala --kernels | sed 's/  */ /g' | FileCheck %s --check-prefix=KERNELS
// RUN: nyala-inspect %t.nyala --steps | FileCheck %s --check-prefix=STEPS
// RUN: nyala-inspect %t.nyala --json | FileCheck %s --check-prefix=JSON

// SUMMARY: .nyala: {{[0-9.]+}} MB (weights 0.0 MB, 3 kernels: sm_90a ptx {{[0-9]+}} kB, sm_80 ptx {{[0-9]+}} kB), arena {{.*}} GPU weights 0.0 MB, cache 16 bytes a token

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">, #nyala.cuda_target<"sm_80">],
                   nyala.model = {architecture = "toy", arithmetic = "f32", vocabulary = 64 : i64, context = 8 : i64}} {

nyala.program @cuda_init counts [#nyala.count<"1", max = 1>] arguments [] results []
    states [#nyala.state<"w", sequences = 1, slots = 1, slot_bytes = 4096, resident = true>] arena 256
    attributes {nyala.device = "cuda"} {
  nyala.step @dot [#nyala.buffer<arena>, #nyala.buffer<state>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}
nyala.program @cuda_decode counts [#nyala.count<"rows", max = 4>, #nyala.count<"wanted", max = 4>]
    arguments [#nyala.argument<"tokens", count = 0>, #nyala.argument<"wanted", count = 1>]
    results [#nyala.result<"logits", count = 1, row_bytes = 256>]
    states [#nyala.state<"w", sequences = 1, slots = 1, slot_bytes = 4096, resident = true>,
            #nyala.state<"k", sequences = 1, slots = 8, slot_bytes = 16>]
    arena 4096 attributes {nyala.device = "cuda"} {
  nyala.step @product [#nyala.buffer<arena>, #nyala.buffer<state>, #nyala.buffer<arena, offset = 1024>]
      rows 0 waits [] cost [0, 0, 0, 0, 0] writes [1024]
  nyala.step @copy [#nyala.buffer<arena, offset = 1024>, #nyala.buffer<result>]
      rows 1 waits [0] cost [0, 0, 0, 0, 0] writes [1024]
}

// LOW: module @sm_90a
// LOW-NEXT: gpu.module @kernels
// LOW-NOT: builtin.unrealized_conversion_cast
// LOW: llvm.func @copy(%{{.*}}: !llvm.ptr<1> {{{.*}}llvm.noalias, llvm.readonly}, %{{.*}}: !llvm.ptr<1> {llvm.noalias}, %{{.*}}: !llvm.ptr<1>)
// LOW-SAME: nvvm.kernel, nvvm.maxntid = array<i32: 32, 1, 1>
// LOW-SAME: nyala.row_block = 1 : i64
// LOW: llvm.call_intrinsic "llvm.fma"
// LOW: llvm.call_intrinsic "llvm.sqrt"
// LOW: llvm.fdiv
// LOW: llvm.call_intrinsic "llvm.exp2"
// LOW: llvm.func @dot
// LOW: llvm.func @product
// LOW-SAME: nyala.library_call = #nyala.matmul_call<columns = 64, depth = 32, activations = 0, weight = 1, result = 2>
// LOW: module @sm_80
// LOW: llvm.func @copy

// PTX-LABEL: {{^}}kernel copy: cuda sm_90a, ptx, {{[0-9]+}} bytes
// PTX: .visible .entry copy(
// PTX: .param .u64 .ptr .global .align 16 copy_param_0
// PTX: .maxntid 32
// PTX: .minnctapersm 2
// PTX-DAG: %ctaid.y
// PTX-DAG: ld.global.nc.v4.b32
// PTX: fma.rn.f32
// PTX: st.shared.v4.b32
// PTX: bar.sync 0
// PTX: shfl.sync.bfly.b32
// PTX: sqrt.rn.f32
// PTX: rcp.rn.f32
// PTX: ex2.approx.f32
// PTX: {{^}}}
// PTX-LABEL: {{^}}kernel dot: cuda sm_90a
// PTX: griddepcontrol.launch_dependents
// PTX: griddepcontrol.wait
// PTX: dp4a.s32.s32
// PTX: st.shared.b32 [%rd{{[0-9]+}}]
// PTX: bar.sync
// PTX: atom.{{.*}}add
// PTX-LABEL: {{^}}kernel product: cuda sm_90a
// PTX-LABEL: {{^}}kernel copy: cuda sm_80
// PTX: ld.global.nc.v4
// PTX-LABEL: {{^}}kernel dot: cuda sm_80
// PTX-LABEL: {{^}}kernel product: cuda sm_80

// ONE: {{^}}kernel dot: cuda sm_90a
// ONE-NOT: .visible .entry copy
// ONE: {{^}}kernel dot: cuda sm_80

// FACTS: code          cuda sm_90a, ptx, {{.*}}, 3 kernels
// FACTS-NEXT: code          cuda sm_80, ptx, {{.*}}, 3 kernels
// FACTS: GPU weights   4096 bytes in
// FACTS-NEXT: kv cache      16 bytes per token
// FACTS: entry         init on cuda, 1 steps
// FACTS-NEXT: entry         decode on cuda, 2 steps

// KERNELS: {{^}}kernel
// KERNELS: {{^}}copy cuda sm_90a ptx {{[0-9]+}} 32 1 x rows 0 0 1 -
// KERNELS: {{^}}dot cuda sm_90a ptx {{[0-9]+}} 64 1 65536 65600 1 -
// KERNELS: {{^}}product cuda sm_90a ptx {{[0-9]+}} 256 8 x rows/64 0 0 1 matmul 64x32
// KERNELS: {{^}}copy cuda sm_80 ptx

// JSON: "name":{{ ?}}"dot"
// JSON-SAME: "overlaps":{{ ?}}true

// STEPS: {{^}}entry init on cuda: 1 at most 1
// STEPS: {{^}}entry decode on cuda: rows at most 4, wanted at most 4
// STEPS: {{^}}{{ +}}0  product

module @sm_90a attributes {nyala.target = #nyala.cuda_target<"sm_90a">} {
gpu.module @kernels {
  gpu.func @copy(%x: memref<4x64xf32, 1> {llvm.noalias, llvm.readonly, llvm.align = 16 : i64},
                 %y: memref<4x64xf32, 1> {llvm.noalias}, %rows: memref<1xi32, 1>)
      workgroup(%shared : memref<64xf32, 3> {llvm.align = 16}) kernel
      attributes {known_block_size = array<i32: 32, 1, 1>, nyala.tiles = 1 : i64,
                  nyala.row_block = 1 : i64, nyala.shared_bytes = 0 : i64,
                  nyala.workspace_bytes = 0 : i64, nvvm.minctasm = 2 : i32} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c16 = arith.constant 16 : index
    %c63 = arith.constant 63 : index
    %mask = arith.constant 16 : i32
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %row = gpu.block_id y
    %count = memref.load %rows[%c0] : memref<1xi32, 1>
    %end = arith.index_cast %count : i32 to index
    %isRow = arith.cmpi ult, %row, %end : index
    scf.if %isRow {
      %isColumn = arith.cmpi ult, %thread, %c16 : index
      scf.if %isColumn {
        %column = arith.muli %thread, %c4 : index
        %0 = vector.load %x[%row, %column] {alignment = 16 : i64} : memref<4x64xf32, 1>, vector<4xf32>
        %1 = math.fma %0, %0, %0 : vector<4xf32>
        vector.store %1, %shared[%column] {alignment = 16 : i64} : memref<64xf32, 3>, vector<4xf32>
      }
      gpu.barrier
      %mirrored = arith.subi %c63, %thread : index
      %2 = memref.load %shared[%mirrored] : memref<64xf32, 3>
      %3, %valid = gpu.shuffle xor %2, %mask, %width : f32
      %4 = math.rsqrt %3 : f32
      %5 = math.exp2 %4 : f32
      memref.store %5, %y[%row, %thread] : memref<4x64xf32, 1>
    }
    gpu.return
  }

  gpu.func @dot(%x: memref<64xi32, 1> {llvm.noalias, llvm.readonly}, %y: memref<64xi32, 1> {llvm.noalias},
                %rows: memref<1xi32, 1>, %workspace: !llvm.ptr<1>) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>, nyala.tiles = 1 : i64, nyala.overlaps,
                  nyala.shared_bytes = 65536 : i64, nyala.workspace_bytes = 65600 : i64} {
    %c0 = arith.constant 0 : index
    %c63 = arith.constant 63 : index
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    nvvm.griddepcontrol launch_dependents
    llvm.inline_asm has_side_effects asm_dialect = att "griddepcontrol.wait;", "~{memory}" : () -> ()
    %thread = gpu.thread_id x
    %0 = memref.load %x[%thread] : memref<64xi32, 1>
    %1 = vector.broadcast %0 : i32 to vector<1xi32>
    %2 = vector.bitcast %1 : vector<1xi32> to vector<4xi8>
    %3 = nvvm.dot.accumulate.4way %2 <signed>, %2 <signed>, %zero : vector<4xi8>, vector<4xi8>
    %bytes = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %shared = memref.view %bytes[%c0][] : memref<?xi8, #gpu.address_space<workgroup>>
        to memref<64xi32, #gpu.address_space<workgroup>>
    memref.store %3, %shared[%thread] : memref<64xi32, #gpu.address_space<workgroup>>
    gpu.barrier
    %mirrored = arith.subi %c63, %thread : index
    %4 = memref.load %shared[%mirrored] : memref<64xi32, #gpu.address_space<workgroup>>
    memref.store %4, %y[%thread] : memref<64xi32, 1>
    %5 = llvm.atomicrmw add %workspace, %one monotonic : !llvm.ptr<1>, i32
    gpu.return
  }

  gpu.func @product(%x: memref<4x32xbf16, 1>, %w: memref<64x32xbf16, 1>, %y: memref<4x64xf32, 1>,
                    %rows: memref<1xi32, 1>) kernel
      attributes {known_block_size = array<i32: 256, 1, 1>, nyala.tiles = 8 : i64,
                  nyala.row_block = 64 : i64, nyala.shared_bytes = 0 : i64,
                  nyala.workspace_bytes = 0 : i64,
                  nyala.library_call = #nyala.matmul_call<columns = 64, depth = 32, activations = 0,
                                                          weight = 1, result = 2>} {
    gpu.return
  }
}
}

module @sm_80 attributes {nyala.target = #nyala.cuda_target<"sm_80">} {
gpu.module @kernels {
  gpu.func @copy(%x: memref<4x64xf32, 1> {llvm.noalias, llvm.readonly, llvm.align = 16 : i64},
                 %y: memref<4x64xf32, 1> {llvm.noalias}, %rows: memref<1xi32, 1>)
      workgroup(%shared : memref<64xf32, 3> {llvm.align = 16}) kernel
      attributes {known_block_size = array<i32: 32, 1, 1>, nyala.tiles = 1 : i64,
                  nyala.row_block = 1 : i64, nyala.shared_bytes = 0 : i64,
                  nyala.workspace_bytes = 0 : i64, nvvm.minctasm = 2 : i32} {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c16 = arith.constant 16 : index
    %c63 = arith.constant 63 : index
    %mask = arith.constant 16 : i32
    %width = arith.constant 32 : i32
    %thread = gpu.thread_id x
    %row = gpu.block_id y
    %count = memref.load %rows[%c0] : memref<1xi32, 1>
    %end = arith.index_cast %count : i32 to index
    %isRow = arith.cmpi ult, %row, %end : index
    scf.if %isRow {
      %isColumn = arith.cmpi ult, %thread, %c16 : index
      scf.if %isColumn {
        %column = arith.muli %thread, %c4 : index
        %0 = vector.load %x[%row, %column] {alignment = 16 : i64} : memref<4x64xf32, 1>, vector<4xf32>
        %1 = math.fma %0, %0, %0 : vector<4xf32>
        vector.store %1, %shared[%column] {alignment = 16 : i64} : memref<64xf32, 3>, vector<4xf32>
      }
      gpu.barrier
      %mirrored = arith.subi %c63, %thread : index
      %2 = memref.load %shared[%mirrored] : memref<64xf32, 3>
      %3, %valid = gpu.shuffle xor %2, %mask, %width : f32
      %4 = math.rsqrt %3 : f32
      %5 = math.exp2 %4 : f32
      memref.store %5, %y[%row, %thread] : memref<4x64xf32, 1>
    }
    gpu.return
  }

  gpu.func @dot(%x: memref<64xi32, 1> {llvm.noalias, llvm.readonly}, %y: memref<64xi32, 1> {llvm.noalias},
                %rows: memref<1xi32, 1>, %workspace: !llvm.ptr<1>) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>, nyala.tiles = 1 : i64,
                  nyala.shared_bytes = 65536 : i64, nyala.workspace_bytes = 65600 : i64} {
    %c0 = arith.constant 0 : index
    %c63 = arith.constant 63 : index
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %thread = gpu.thread_id x
    %0 = memref.load %x[%thread] : memref<64xi32, 1>
    %1 = vector.broadcast %0 : i32 to vector<1xi32>
    %2 = vector.bitcast %1 : vector<1xi32> to vector<4xi8>
    %3 = nvvm.dot.accumulate.4way %2 <signed>, %2 <signed>, %zero : vector<4xi8>, vector<4xi8>
    %bytes = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %shared = memref.view %bytes[%c0][] : memref<?xi8, #gpu.address_space<workgroup>>
        to memref<64xi32, #gpu.address_space<workgroup>>
    memref.store %3, %shared[%thread] : memref<64xi32, #gpu.address_space<workgroup>>
    gpu.barrier
    %mirrored = arith.subi %c63, %thread : index
    %4 = memref.load %shared[%mirrored] : memref<64xi32, #gpu.address_space<workgroup>>
    memref.store %4, %y[%thread] : memref<64xi32, 1>
    %5 = llvm.atomicrmw add %workspace, %one monotonic : !llvm.ptr<1>, i32
    gpu.return
  }

  gpu.func @product(%x: memref<4x32xbf16, 1>, %w: memref<64x32xbf16, 1>, %y: memref<4x64xf32, 1>,
                    %rows: memref<1xi32, 1>) kernel
      attributes {known_block_size = array<i32: 256, 1, 1>, nyala.tiles = 8 : i64,
                  nyala.row_block = 64 : i64, nyala.shared_bytes = 0 : i64,
                  nyala.workspace_bytes = 0 : i64,
                  nyala.library_call = #nyala.matmul_call<columns = 64, depth = 32, activations = 0,
                                                          weight = 1, result = 2>} {
    gpu.return
  }
}
}
}
