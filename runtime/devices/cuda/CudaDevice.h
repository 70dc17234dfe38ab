//===- CudaDevice.h - A model on an NVIDIA GPU ------------------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDADEVICE_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDADEVICE_H

#include "runtime/core/Device.h"
#include "runtime/devices/Devices.h"
#include "runtime/devices/cuda/CublasLt.h"
#include "runtime/devices/cuda/CudaModule.h"
#include "runtime/devices/cuda/CudaWeights.h"

namespace nyala::rt::cuda {

/// Code and weights of an artifact on a GPU: weights as stored, and resident states, which the
/// entry 'init' has written.
class CudaDevice : public Device {
public:
  /// NYALA_UNSUPPORTED, saying what is missing, if there is no driver, no such GPU or no code for
  /// it, or no weights and none are to be made up; NYALA_OUT_OF_MEMORY; NYALA_DEVICE_FAILED.
  CudaDevice(const Artifact &artifact, uint32_t gpu, const DeviceOptions &options);

  const artifact::Executable &getExecutable() const override { return module.getExecutable(); }
  const std::string &getName() const override { return context.getName(); }
  const std::string &getProduct() const override { return context.getProduct(); }
  std::unique_ptr<Executor> createExecutor(const ExecutorOptions &options) const override;

  const CudaContext &getContext() const { return context; }
  const CudaModule &getModule() const { return module; }
  CublasLt &getLibrary() const { return library; }
  /// Runs parallel to the artifact's weights; 0: no entry of a session uses it.
  const std::vector<Address> &getWeights() const { return weights; }
  /// Runs parallel to the artifact's states; 0: not resident.
  const std::vector<Address> &getResidents() const { return residents; }

private:
  void placeResidents();
  /// Uploads weights or makes them up, and runs the entry that writes what is resident.
  void prepare(const DeviceOptions &options);
  void runOnce(const artifact::Entry &entry, const std::vector<Address> &allWeights,
               const CudaStream &stream) const;

  CudaContext context;
  CudaModule module;
  mutable CublasLt library;
  CudaWeights kept;
  DeviceMemory residentMemory;
  std::vector<Address> weights, residents;
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDADEVICE_H
