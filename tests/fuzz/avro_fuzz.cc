// Any bytes as an Avro schema and data of it: never a crash, never a byte read behind the end, every datum a row or a
// refusal that leaves the columns as they were. The schema ends at the first NUL; what follows is data.
#include <arrow/api.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "avro/decode.h"
#include "avro/encode.h"

namespace {

using namespace trommel;

void require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t* const end = std::find(data, data + size, 0);
  const auto parsed = avro::parse_schema({reinterpret_cast<const char*>(data), static_cast<size_t>(end - data)});
  require(parsed.schema != nullptr || !parsed.mistakes.empty());
  if (!parsed.schema) return 0;
  const auto again = avro::parse_schema(avro::schema_json(*parsed.schema));
  require(again.schema != nullptr);
  const auto layout = avro::layout_of(parsed.schema);
  if (!layout) return 0;  // a decimal that is too long
  const auto program = avro::resolve(again.schema, *layout);
  require(program.has_value());
  avro::DatumDecoder decoder(*layout);
  Bytes rest = end == data + size ? Bytes{} : Bytes{end + 1, data + size};
  for (int i = 0; i < 100 && !rest.empty(); ++i) {
    const int64_t before = decoder.rows();
    const auto taken = decoder.add(**program, rest);
    require(decoder.rows() == before + (taken ? 1 : 0));
    if (!taken) break;
    require(*taken <= rest.size() && avro::datum_size(**program, rest) == taken);
    rest = rest.subspan(*taken);
  }
  const Rows rows = decoder.finish();
  require(rows->ValidateFull().ok());
  if (parsed.schema->kind != avro::Kind::record) return 0;
  auto encoder = avro::DatumEncoder::make(parsed.schema, *rows->schema());
  require(encoder.has_value());
  std::string out;
  std::vector<size_t> ends;
  const auto refused = encoder->encode(*rows, "", out, ends);
  require(refused.has_value() && refused->empty());
  return 0;
}
