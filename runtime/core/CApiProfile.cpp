//===- CApiProfile.cpp - What steps took, for C ---------------------------===//

#include "runtime/core/CApi.h"

using namespace nyala::rt;

static double toSeconds(Profile::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

/// Adds the compiler's cost model, which has counts a row and a position (runtime/artifact.fbs).
static nyala_step_profile describe(const Device &device, const nyala::artifact::Entry &entry,
                                   uint32_t index, const Profile::Step &measured) {
  const nyala::artifact::Step &step = *entry.steps()->Get(index);
  const auto calls = static_cast<double>(measured.calls);
  const auto rows = static_cast<double>(measured.rows);
  const auto positions = static_cast<double>(measured.positions);
  return {.entry = entry.name()->c_str(),
          .step = index,
          .kernel = device.getKernel(step).name()->c_str(),
          .key = step.key() ? step.key()->c_str() : nullptr,
          .calls = measured.calls,
          .seconds = toSeconds(measured.time),
          .busy_seconds = toSeconds(measured.busy),
          .bytes = calls * static_cast<double>(step.bytes_fixed()) +
                   rows * static_cast<double>(step.bytes_per_row()) +
                   positions * static_cast<double>(step.bytes_per_row_position()),
          .flops = rows * static_cast<double>(step.flops_per_row()) +
                   positions * static_cast<double>(step.flops_per_row_position())};
}

/// Ends the recording of a session or a trainer and reports it.
template <typename Recorder>
static void endProfile(Recorder &recorder, nyala_profile_fn step, void *user) {
  require(reinterpret_cast<const void *>(step), "step");
  bool recorded = false;
  recorder.visitProfile([&](const nyala::artifact::Entry &entry, const Profile &profile) {
    recorded = true;
    for (uint32_t i = 0; i < profile.steps.size(); ++i)
      if (profile.steps[i].calls > 0) {
        const nyala_step_profile report =
            describe(recorder.getDevice(), entry, i, profile.steps[i]);
        step(user, &report);
      }
  });
  recorder.endProfile();
  if (!recorded)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "no profile is being recorded: begin one before you end it");
}

nyala_status nyala_session_profile_begin(nyala_session *session) {
  return guarded([&] {
    require(session, "session");
    session->session.beginProfile();
  });
}

nyala_status nyala_session_profile_end(nyala_session *session, nyala_profile_fn step, void *user) {
  return guarded([&] {
    require(session, "session");
    endProfile(session->session, step, user);
  });
}

nyala_status nyala_trainer_profile_begin(nyala_trainer *trainer) {
  return guarded([&] {
    require(trainer, "trainer");
    trainer->trainer.beginProfile();
  });
}

nyala_status nyala_trainer_profile_end(nyala_trainer *trainer, nyala_profile_fn step, void *user) {
  return guarded([&] {
    require(trainer, "trainer");
    endProfile(trainer->trainer, step, user);
  });
}
