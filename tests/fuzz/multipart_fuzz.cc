// Any bytes as a form: never a crash, and however they are cut they hold the same. The first byte chooses the cuts.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "connectors/http/testing.h"

namespace {

using namespace trommel;

FormOutcome read(std::string_view form, size_t step) {
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < form.size(); at += step) pieces.push_back(form.substr(at, step));
  return read_form(pieces, "b");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view form(reinterpret_cast<const char*>(data) + 1, size - 1);
  const FormOutcome whole = read(form, form.size() + 1), parts = read(form, 1 + data[0] % 16);
  if (whole.error != parts.error) std::abort();
  // What a broken form gave out before its mistake depends on how it came.
  if (whole.error.empty() && whole.text != parts.text) std::abort();
  return 0;
}
