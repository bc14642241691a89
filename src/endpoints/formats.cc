#include "endpoints/formats.h"

#include <charconv>

#include "arrow/api.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/writer.h"
#include "codecs/csv/write.h"
#include "codecs/json/write.h"
#include "codecs/parquet/parquet.h"
#include "server/message.h"

namespace trommel::endpoints {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A piece of `text` up to `end`, taken off it.
std::string_view take(std::string_view& text, char end) {
  const size_t at = text.find(end);
  const auto piece = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + 1);
  return piece;
}

struct Range {
  std::string type;
  int weight = 1000;  ///< thousandths
};

Range parse_range(std::string_view text) {
  Range range;
  range.type = server::media_type(trimmed(take(text, ';')));
  while (!text.empty()) {
    auto value = trimmed(take(text, ';'));
    const auto name = trimmed(take(value, '='));
    if (name != "q" && name != "Q") continue;
    double weight = 1;
    value = trimmed(value);
    if (std::from_chars(value.data(), value.data() + value.size(), weight).ec == std::errc())
      range.weight = weight <= 0 ? 0 : weight >= 1 ? 1000 : static_cast<int>(weight * 1000);
  }
  return range;
}

/// How closely a range names a type: 0 not at all.
int closeness(const std::string& range, std::string_view type) {
  if (range == type) return 3;
  if (range == "*/*") return 1;
  return range.ends_with("/*") && type.starts_with(range.substr(0, range.size() - 1)) ? 2 : 0;
}

class TextOutput : public OutputStream {
 public:
  explicit TextOutput(std::string& out) : out_(out) {}
  Result<> append(Bytes bytes) override {
    out_ += as_text(bytes);
    return {};
  }
  Result<> sync() override { return {}; }
  Result<> close() override { return {}; }

 private:
  std::string& out_;
};

Result<std::string> csv_text(const std::vector<Rows>& rows, const Schema& schema) {
  std::string out;
  csv::RecordWriter writer(',');
  writer.append_names(*schema, out);
  out += "\r\n";
  for (const auto& some : rows) {
    TRY(writer.begin(*some));
    for (int64_t row = 0; row < some->num_rows(); ++row) {
      writer.append(row, out);
      out += "\r\n";
    }
  }
  return out;
}

Result<std::string> json_objects(const std::vector<Rows>& rows, const Schema& schema, std::string_view between,
                                 std::string_view after) {
  std::string out;
  json::ObjectWriter writer(*schema);
  for (const auto& some : rows) {
    TRY(writer.begin(*some));
    for (int64_t row = 0; row < some->num_rows(); ++row) {
      if (!out.empty()) out += between;
      writer.append(row, out);
    }
  }
  if (!out.empty()) out += after;
  return out;
}

Result<std::string> arrow_stream(const std::vector<Rows>& rows, const Schema& schema) {
  const auto write = [&]() -> arrow::Result<std::string> {
    ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeStreamWriter(sink, schema));
    for (const auto& some : rows) ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*some));
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
    return buffer->ToString();
  };
  auto bytes = write();
  if (!bytes.ok()) return tl::unexpected(from_arrow(bytes.status(), "Arrow stream"));
  return *std::move(bytes);
}

Result<std::string> parquet_file(const std::vector<Rows>& rows, const Schema& schema) {
  constexpr int64_t memory = 16 << 20;
  std::string out;
  TextOutput stream(out);
  ASSIGN(const auto encoder, parquet_encoder().open(stream, schema, Node{}, 1, memory));
  for (const auto& some : rows) TRY(encoder->write(*some));
  TRY(encoder->finish());
  return out;
}

}  // namespace

const char* media_type(Format format) {
  switch (format) {
    case Format::json:
      return "application/json";
    case Format::csv:
      return "text/csv";
    case Format::json_lines:
      return "application/x-ndjson";
    case Format::arrow:
      return "application/vnd.apache.arrow.stream";
    case Format::parquet:
      return "application/vnd.apache.parquet";
  }
  return "";
}

const char* name_of(Format format) {
  switch (format) {
    case Format::json:
      return "JSON";
    case Format::csv:
      return "CSV";
    case Format::json_lines:
      return "JSON, one object a line";
    case Format::arrow:
      return "Arrow stream";
    case Format::parquet:
      return "Parquet";
  }
  return "";
}

std::optional<Format> negotiate(std::string_view accept) {
  if (trimmed(accept).empty()) return Format::json;
  std::vector<Range> ranges;
  while (!accept.empty()) {
    if (auto range = parse_range(take(accept, ',')); range.type.find('/') != std::string::npos)
      ranges.push_back(std::move(range));
  }
  if (ranges.empty()) return Format::json;
  std::optional<Format> best;
  int best_weight = 0;
  for (const Format format : formats) {
    int closest = 0, weight = 0;
    for (const Range& range : ranges) {
      const int close = closeness(range.type, media_type(format));
      if (close <= closest) continue;
      closest = close;
      weight = range.weight;
    }
    if (weight <= best_weight) continue;
    best = format;
    best_weight = weight;
  }
  return best;
}

Result<std::string> json_rows(const std::vector<Rows>& rows, const Schema& schema) {
  ASSIGN(const auto objects, json_objects(rows, schema, ",", ""));
  return "[" + objects + "]";
}

Result<std::string> encode(Format format, const std::vector<Rows>& rows, const Schema& schema) {
  switch (format) {
    case Format::json:
      return json_rows(rows, schema);
    case Format::csv:
      return csv_text(rows, schema);
    case Format::json_lines:
      return json_objects(rows, schema, "\n", "\n");
    case Format::arrow:
      return arrow_stream(rows, schema);
    case Format::parquet:
      return parquet_file(rows, schema);
  }
  return internal_error("answer", "no such format");
}

}  // namespace trommel::endpoints
