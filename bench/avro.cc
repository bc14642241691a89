// Decodes and encodes Avro data on one core, and has libavro (C) read the same data where it was built with it. Used by
// bench/avro.py: bench_avro SCHEMA.avsc DATA ENDS, where ENDS holds 64-bit numbers, the end of each datum in DATA.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

#include "avro/decode.h"
#include "avro/encode.h"
#include "base/env.h"
#ifdef TROMMEL_LIBAVRO
bool libavro_reads(const char* schema_text, size_t schema_size, const char* data, const int64_t* ends, size_t count);
#endif

namespace {

using namespace trommel;

constexpr size_t rows_a_batch = 16 * 1024;
constexpr int rounds = 5;

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "bench_avro: {}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) stop(result.error().text());
  return std::move(*result);
}

/// Rows a second, the best of some rounds.
double best_rate(size_t rows, const std::function<void()>& run) {
  double best = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(rows) / took.count());
  }
  return best;
}

struct Data {
  std::string bytes;
  std::vector<int64_t> ends;
  Bytes at(size_t i) const {
    const auto begin = static_cast<size_t>(i == 0 ? 0 : ends[i - 1]);
    return as_bytes(std::string_view(bytes).substr(begin, static_cast<size_t>(ends[i]) - begin));
  }
};

std::vector<Rows> decode(const avro::Program& program, const Data& data) {
  avro::DatumDecoder decoder(program.layout);
  std::vector<Rows> batches;
  for (size_t i = 0; i < data.ends.size(); ++i) {
    if (!decoder.add(program, data.at(i))) stop(decoder.refusal().reason);
    if (decoder.rows() == rows_a_batch || i + 1 == data.ends.size()) batches.push_back(decoder.finish());
  }
  return batches;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) stop("usage: bench_avro SCHEMA.avsc DATA ENDS");
  constexpr int64_t any_size = int64_t{4} << 30;
  Env& env = real_env();
  const std::string text = must(env.read_text(arguments[1]));
  Data data{must(env.read_text(arguments[2], any_size)), {}};
  const std::string ends = must(env.read_text(arguments[3], any_size));
  data.ends.resize(ends.size() / sizeof(int64_t));
  std::memcpy(data.ends.data(), ends.data(), data.ends.size() * sizeof(int64_t));

  const avro::SchemaPtr schema = must(avro::read_schema(text, arguments[1]));
  const auto program = must(avro::resolve(schema, must(avro::layout_of(schema))));
  std::vector<Rows> batches;
  const double decoded = best_rate(data.ends.size(), [&] { batches = decode(*program, data); });
  auto encoder = must(avro::DatumEncoder::make(schema, *program->layout->schema));
  std::string again;
  std::vector<size_t> again_ends;
  const double encoded = best_rate(data.ends.size(), [&] {
    again.clear();
    again_ends.clear();
    for (const Rows& rows : batches) {
      if (!must(encoder.encode(*rows, "", again, again_ends)).empty()) stop("a row was refused");
    }
  });
  if (again != data.bytes) stop("what was encoded is not what was decoded");
  fmt::print("{{\"rows\": {}, \"decode\": {:.0f}, \"encode\": {:.0f}", data.ends.size(), decoded, encoded);
#ifdef TROMMEL_LIBAVRO
  const double c = best_rate(data.ends.size(), [&] {
    if (!libavro_reads(text.data(), text.size(), data.bytes.data(), data.ends.data(), data.ends.size()))
      stop("libavro failed");
  });
  fmt::print(", \"libavro\": {:.0f}", c);
#endif
  fmt::print("}}\n");
  return 0;
}
