// Any bytes as a form: never a crash, and however they are cut they hold the same. The first byte chooses the cuts.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "connectors/http/multipart.h"

namespace {

using namespace trommel;

class Notes final : public FormEvents {
 public:
  Result<> begin_part(const FormPart& part) override {
    text += "[" + part.name + "|" + part.filename.value_or("-") + "|" + part.content_type + "]";
    return {};
  }
  Result<> part_data(std::string_view bytes) override {
    text += bytes;
    return {};
  }
  Result<> end_part() override {
    text += "[end]";
    return {};
  }
  std::string text;
};

struct Outcome {
  std::string text, error;
};

Outcome read(std::string_view form, size_t step) {
  Notes notes;
  FormReader reader("b", notes);
  for (size_t at = 0; at < form.size(); at += step) {
    if (auto fed = reader.feed(form.substr(at, step)); !fed) return {notes.text, fed.error().what};
  }
  const auto end = reader.finish();
  return {notes.text, end ? "" : end.error().what};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view form(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read(form, form.size() + 1), parts = read(form, 1 + data[0] % 16);
  if (whole.error != parts.error) std::abort();
  // What a broken form gave out before its mistake depends on how it came.
  if (whole.error.empty() && whole.text != parts.text) std::abort();
  return 0;
}
