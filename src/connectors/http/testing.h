// What tests and fuzz targets of forms share: one that is written down as it is read.
#pragma once

#include <string>

#include "connectors/http/multipart.h"

namespace trommel {

/// Writes down what a form holds.
class FormNotes final : public FormEvents {
 public:
  Result<> begin_part(const FormPart& part) override {
    text += "[" + part.name + "|" + part.filename.value_or("-") + "|" + part.content_type + "]";
    return {};
  }
  Result<> part_data(std::string_view bytes) override {
    if (!refuse.empty() && bytes.find(refuse) != std::string_view::npos) return data_error("test", "refused");
    text += bytes;
    return {};
  }
  Result<> end_part() override {
    text += "[end]";
    return {};
  }
  std::string text;
  std::string refuse = {};  ///< bytes that are not taken
};

struct FormOutcome {
  std::string text, error;
  bool operator==(const FormOutcome&) const = default;
};

/// The pieces one after the other.
template <class Pieces>
FormOutcome read_form(const Pieces& pieces, const std::string& boundary) {
  FormNotes notes;
  FormReader reader(boundary, notes);
  for (const std::string_view piece : pieces) {
    if (auto fed = reader.feed(piece); !fed) return {notes.text, fed.error().what};
  }
  const auto end = reader.finish();
  return {notes.text, end ? "" : end.error().what};
}

}  // namespace trommel
