//===- CApiGrounding.cpp - Constraints and grounded text for C ------------===//

#include "runtime/core/CApi.h"
#include "runtime/grounding/HtmlPage.h"
#include "runtime/grounding/ReferenceConstraint.h"
#include "runtime/grounding/RewriteConstraint.h"

using namespace nyala::rt;
using namespace nyala::rt::grounding;

//===--------------------------------------------------------------------===//
// Data
//===--------------------------------------------------------------------===//

nyala_status nyala_data_parse(const char *json, size_t length, nyala_data **data) {
  return guarded([&] {
    require(data, "data");
    *data = nullptr;
    if (length > 0)
      require(json, "json");
    *data = std::make_unique<nyala_data>(DataTree({json, length})).release();
  });
}

void nyala_data_close(nyala_data *data) { delete data; }

//===--------------------------------------------------------------------===//
// Constraints
//===--------------------------------------------------------------------===//

nyala_status nyala_constraint_create_references(const nyala_model *model, const nyala_data *data,
                                                nyala_constraint **constraint) {
  return guarded([&] {
    require(constraint, "constraint");
    *constraint = nullptr;
    require(model, "model");
    require(data, "data");
    auto references = std::make_unique<ReferenceConstraint>(model->getTrie(), data->tree,
                                                            model->artifact.program().vocabulary());
    *constraint =
        std::make_unique<nyala_constraint>(nyala_constraint{*model, std::move(references)})
            .release();
  });
}

nyala_status nyala_constraint_create_rewrite(const nyala_model *model, const nyala_data *data,
                                             const char *prose, size_t length,
                                             nyala_constraint **constraint) {
  return guarded([&] {
    require(constraint, "constraint");
    *constraint = nullptr;
    require(model, "model");
    require(data, "data");
    if (length > 0)
      require(prose, "prose");
    auto rewrite = std::make_unique<RewriteConstraint>(model->getTrie(), data->tree,
                                                       std::string_view(prose, length),
                                                       model->artifact.program().vocabulary());
    *constraint =
        std::make_unique<nyala_constraint>(nyala_constraint{*model, std::move(rewrite)}).release();
  });
}

void nyala_constraint_close(nyala_constraint *constraint) { delete constraint; }

nyala_status nyala_constraint_mask(nyala_constraint *constraint, size_t left, const uint64_t **mask,
                                   size_t *words) {
  return guarded([&] {
    require(constraint, "constraint");
    require(mask, "mask");
    require(words, "words");
    const std::span<const uint64_t> allowed = constraint->constraint->mask(left);
    *mask = allowed.data();
    *words = allowed.size();
  });
}

nyala_status nyala_constraint_advance(nyala_constraint *constraint, int32_t token) {
  return guarded([&] {
    require(constraint, "constraint");
    if (!constraint->constraint->advance(token))
      throw Failure(NYALA_INVALID_ARGUMENT,
                    "token " + std::to_string(token) + " may not come here; pick one of the mask");
  });
}

bool nyala_constraint_can_end(const nyala_constraint *constraint) {
  return constraint && constraint->constraint->canEnd();
}

size_t nyala_constraint_least(const nyala_constraint *constraint) {
  return constraint ? constraint->constraint->getLeast() : 0;
}

void nyala_constraint_reset(nyala_constraint *constraint) {
  if (constraint)
    constraint->constraint->reset();
}

nyala_status nyala_session_set_constraint(nyala_session *session, nyala_constraint *constraint,
                                          size_t limit) {
  return guarded([&] {
    require(session, "session");
    if (constraint && constraint->model.device.get() != &session->session.getDevice())
      throw Failure(NYALA_INVALID_ARGUMENT,
                    "the constraint is of another model than the session; make one for '" +
                        session->session.getDevice().getArtifact().getPath() + "'");
    session->session.setConstraint(constraint ? constraint->constraint.get() : nullptr, limit);
  });
}

//===--------------------------------------------------------------------===//
// Grounded text
//===--------------------------------------------------------------------===//

nyala_status nyala_grounding_create(const nyala_data *data, const char *generation, size_t length,
                                    nyala_grounding **grounding) {
  return guarded([&] {
    require(grounding, "grounding");
    *grounding = nullptr;
    require(data, "data");
    if (length > 0)
      require(generation, "generation");
    *grounding = std::make_unique<nyala_grounding>(
                     nyala_grounding{data->tree, ground(data->tree, {generation, length})})
                     .release();
  });
}

static std::string render(const nyala_grounding &grounding, nyala_rendering rendering,
                          const char *title) {
  switch (rendering) {
  case NYALA_RENDER_TEXT:
    return grounding.grounded.text;
  case NYALA_RENDER_RAW:
    return grounding.grounded.raw;
  case NYALA_RENDER_JSONL:
    return renderJsonLines(grounding.tree, grounding.grounded);
  case NYALA_RENDER_HTML:
    return renderHtml(grounding.tree, grounding.grounded, title ? title : "");
  }
  throw Failure(NYALA_INVALID_ARGUMENT,
                "there is no rendering " + std::to_string(rendering) + ", expected 0 to 3");
}

nyala_status nyala_grounding_render(const nyala_grounding *grounding, nyala_rendering rendering,
                                    const char *title, char *text, size_t capacity,
                                    size_t *length) {
  return guarded([&] {
    require(grounding, "grounding");
    copyOut(render(*grounding, rendering, title), text, capacity, length);
  });
}

void nyala_grounding_close(nyala_grounding *grounding) { delete grounding; }
