//===- CApiTrainer.cpp - Training for C -----------------------------------===//

#include "runtime/core/CApi.h"

using namespace nyala::rt;

static Trainer::Batch toBatch(const nyala_training_batch *batch) {
  require(batch, "batch");
  require(batch->tokens, "batch.tokens");
  require(batch->targets, "batch.targets");
  require(batch->loss_weights, "batch.loss_weights");
  return {{batch->tokens, batch->rows},
          {batch->targets, batch->rows},
          {batch->loss_weights, batch->rows}};
}

static nyala_trainer_state getState(const Trainer &trainer, size_t index) {
  const Trainer::State &state = trainer.getStates()[index];
  const auto number = static_cast<flatbuffers::uoffset_t>(index);
  return {trainer.getArtifact().program().states()->Get(number)->name()->c_str(), state.rows,
          state.columns, state.values.data()};
}

nyala_status nyala_trainer_create(const nyala_model *model, const nyala_trainer_options *options,
                                  nyala_trainer **trainer) {
  return guarded([&] {
    require(trainer, "trainer");
    *trainer = nullptr;
    require(model, "model");
    *trainer = std::make_unique<nyala_trainer>(*model, options ? options->threads : 0u).release();
  });
}

void nyala_trainer_close(nyala_trainer *trainer) { delete trainer; }

void nyala_trainer_get_info(const nyala_trainer *trainer, nyala_trainer_info *info) {
  if (!trainer || !info)
    return;
  const Trainer &source = trainer->trainer;
  *info = {.batch = source.getBatch(),
           .length = source.getLength(),
           .states = static_cast<uint32_t>(source.getStates().size()),
           .accumulates = source.accumulates(),
           .evaluates = source.canEvaluate(),
           .peak_bytes = source.getPeakBytes()};
}

nyala_status nyala_trainer_get_state(nyala_trainer *trainer, uint32_t index,
                                     nyala_trainer_state *state) {
  return guarded([&] {
    require(trainer, "trainer");
    require(state, "state");
    const std::span<const Trainer::State> states = trainer->trainer.getStates();
    if (index >= states.size())
      throw Failure(NYALA_INVALID_ARGUMENT, "state " + std::to_string(index) +
                                                ", expected one below " +
                                                std::to_string(states.size()));
    *state = getState(trainer->trainer, index);
  });
}

nyala_status nyala_trainer_find_state(nyala_trainer *trainer, const char *name,
                                      nyala_trainer_state *state) {
  return guarded([&] {
    require(trainer, "trainer");
    require(name, "name");
    require(state, "state");
    const Trainer::State *found = trainer->trainer.findState(name);
    if (!found)
      throw Failure(NYALA_NOT_FOUND, std::string("the training step has no state '") + name + "'");
    *state = getState(trainer->trainer,
                      static_cast<size_t>(found - trainer->trainer.getStates().data()));
  });
}

nyala_status nyala_trainer_step(nyala_trainer *trainer, const nyala_training_batch *batch,
                                float rate, float *loss, float *gradient_norm) {
  return guarded([&] {
    require(trainer, "trainer");
    require(loss, "loss");
    require(gradient_norm, "gradient_norm");
    const Trainer::StepResult result = trainer->trainer.step(toBatch(batch), rate);
    *loss = result.loss;
    *gradient_norm = result.gradientNorm;
  });
}

nyala_status nyala_trainer_accumulate(nyala_trainer *trainer, const nyala_training_batch *batch,
                                      float *loss) {
  return guarded([&] {
    require(trainer, "trainer");
    require(loss, "loss");
    *loss = trainer->trainer.accumulate(toBatch(batch));
  });
}

nyala_status nyala_trainer_update(nyala_trainer *trainer, float rate, float *gradient_norm) {
  return guarded([&] {
    require(trainer, "trainer");
    require(gradient_norm, "gradient_norm");
    *gradient_norm = trainer->trainer.update(rate);
  });
}

nyala_status nyala_trainer_evaluate(nyala_trainer *trainer, const nyala_training_batch *batch,
                                    float *loss) {
  return guarded([&] {
    require(trainer, "trainer");
    require(loss, "loss");
    *loss = trainer->trainer.evaluate(toBatch(batch));
  });
}

void nyala_trainer_cancel(nyala_trainer *trainer) {
  if (trainer)
    trainer->trainer.cancel();
}

void nyala_trainer_clear_cancel(nyala_trainer *trainer) {
  if (trainer)
    trainer->trainer.clearCancel();
}

nyala_status nyala_trainer_find_non_finite(nyala_trainer *trainer, bool *found,
                                           nyala_non_finite *where) {
  return guarded([&] {
    require(trainer, "trainer");
    require(found, "found");
    require(where, "where");
    const auto orNull = [](std::string_view text) { return text.empty() ? nullptr : text.data(); };
    const std::optional<Trainer::NonFinite> result = trainer->trainer.findNonFinite();
    *found = result.has_value();
    *where = {};
    if (result)
      *where = {orNull(result->state), orNull(result->label), orNull(result->kernel)};
  });
}
