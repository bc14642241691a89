// What the tests of readers of text share: streams out of text, an outlet that collects.
#pragma once

#include <arrow/api.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "codecs/csv/csv.h"
#include "component/codec.h"
#include "component/quiet_outlet.h"

namespace trommel::csv {

/// Gives out `text` in portions of `step` bytes.
class TextStream : public InputStream {
 public:
  explicit TextStream(std::string text, size_t step = 1 << 30) : text_(std::move(text)), step_(step) {}
  Result<size_t> read(std::span<uint8_t> into) override {
    const size_t count = std::min({into.size(), step_, text_.size() - at_});
    std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t step_, at_ = 0;
};

/// Everything that decoding said, as text: one entry a row or reject, by its position in the file.
class Collected : public QuietOutlet {
 public:
  struct Reject {
    Position position = 0;
    int64_t line = 0;
    std::string code, column, value, reason, raw;
    auto operator<=>(const Reject&) const = default;
  };
  std::map<Position, std::string> rows;  ///< values, joined by `|`, NULL as `~`
  std::vector<Reject> rejects;
  std::vector<Misfit> misfits;
  std::vector<Rows> batches;
  int64_t records = 0;

  void emit(Batch batch) override {
    batches.push_back(batch.rows);
    for (int64_t row = 0; row < batch.size(); ++row) {
      std::string text;
      for (int i = 0; i < batch.rows->num_columns(); ++i) {
        const auto& column = *batch.rows->column(i);
        text += (i > 0 ? "|" : "") + (column.IsNull(row) ? std::string("~") : value(column, row));
      }
      rows[batch.positions.at(row)] = text;
    }
  }
  using QuietOutlet::reject;
  void reject(const Block& block, std::span<const RawRefusal> refusals) override {
    for (const RawRefusal& refusal : refusals) {
      const Position position = block.from + refusal.offset;
      rejects.push_back(
          {position, line_at(block, position), refusal.code, refusal.column, refusal.value, refusal.reason,
           std::string(as_text(block.view())
                           .substr(static_cast<size_t>(refusal.offset), static_cast<size_t>(refusal.length)))});
    }
  }
  void misfit(const Block&, Misfit misfit) override { misfits.push_back(std::move(misfit)); }

  /// The rows in the order of the file.
  std::vector<std::string> list() const {
    std::vector<std::string> all;
    for (const auto& [position, text] : rows) all.push_back(text);
    return all;
  }

 private:
  static std::string value(const arrow::Array& column, int64_t row) {
    if (column.type_id() == arrow::Type::DOUBLE) return (*column.GetScalar(row))->ToString();
    return value_text(column, row);
  }
};

inline Node setting(std::string name, std::string value) {
  Node scalar;
  scalar.kind = Node::Kind::scalar;
  scalar.scalar = std::move(value);
  Node node;
  node.kind = Node::Kind::map;
  node.entries.push_back({std::move(name), {}, std::move(scalar)});
  return node;
}

inline Sample sample_of(const std::string& text, size_t first = 1 << 20) {
  Sample sample{"test.csv", {text.substr(0, first)}, text.size() <= first, static_cast<int64_t>(text.size())};
  return sample;
}

struct ReadOptions {
  Node settings;
  std::optional<Contract> contract;
  int64_t block_bytes = 1 << 20;
  size_t step = 1 << 30;
  size_t sample = 1 << 20;
  FormatKind (*format)() = csv_format;
};

/// Looks at `text` and reads it all. `file` stays for its schema and notes.
struct ReadText {
  std::shared_ptr<FileFormat> file;
  Collected out;
  std::string error;
  Problems problems;

  explicit ReadText(const std::string& text, const ReadOptions& options = {}) {
    auto looked =
        options.format().look(sample_of(text, options.sample), nullptr, options.settings, options.contract, problems);
    if (!looked) {
      error = looked.error().text();
      return;
    }
    file = *looked;
    read_all(text, options);
  }

  void read_all(const std::string& text, const ReadOptions& options = {}) {
    out = {};
    auto reader = file->open(std::make_shared<Split>(), std::make_unique<TextStream>(text, options.step), nullptr, 0,
                             options.block_bytes);
    if (!reader) {
      error = reader.error().text();
      return;
    }
    while (true) {
      auto piece = (*reader)->read();
      if (!piece) {
        error = piece.error().text();
        return;
      }
      if (piece->block) {
        auto records = piece->block->decoder->decode(*piece->block, out);
        if (!records) {
          error = records.error().text();
          return;
        }
        out.records += *records;
      }
      if (piece->then == Reader::Next::ended) return;
    }
  }

  std::string schema() const {
    std::string all;
    const Schema held = file->schema();
    for (const auto& field : held->fields())
      all += (all.empty() ? "" : ", ") + field->name() + ": " + field->type()->ToString();
    return all;
  }
  std::string notes() const {
    std::string all;
    for (const std::string& note : file->notes()) all += note + "\n";
    return all;
  }
};

}  // namespace trommel::csv
