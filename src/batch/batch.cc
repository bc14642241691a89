#include "batch/batch.h"

#include "batch/compute.h"
#include "batch/memory.h"
#include "batch/types.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include <algorithm>
#include <cstring>

namespace trommel {

Positions Positions::each(std::vector<Position> of_rows) {
  Positions out;
  out.each_ = std::make_shared<const std::vector<Position>>(std::move(of_rows));
  return out;
}

Positions Positions::run(Position first) {
  Positions out;
  out.first_ = first;
  out.run_ = true;
  return out;
}

Positions Positions::from(int64_t row) const {
  Positions out = *this;
  if (run_) out.first_ += row;
  if (each_) out.offset_ += row;
  return out;
}

Positions Positions::select(std::span<const int64_t> rows) const {
  if (!known()) return {};
  std::vector<Position> picked(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) picked[i] = at(rows[i]);
  return each(std::move(picked));
}

Bytes Block::view() const { return bytes ? Bytes{bytes->data(), static_cast<size_t>(bytes->size())} : Bytes{}; }

size_t Block::memory() const { return bytes ? static_cast<size_t>(bytes->size()) : 0; }

int64_t Batch::size() const { return rows ? rows->num_rows() : 0; }

size_t Batch::memory() const {
  if (!rows) return 0;
  return static_cast<size_t>(bytes_of(*rows)) + positions.memory();
}

Batch slice(const Batch& batch, int64_t offset, int64_t length) {
  return {batch.rows->Slice(offset, length), batch.positions.from(offset), batch.block};
}

Result<Batch> select(const Batch& batch, std::span<const int64_t> rows) {
  auto indices = std::make_shared<arrow::Int64Array>(static_cast<int64_t>(rows.size()),
                                                     arrow::Buffer::Wrap(rows.data(), rows.size()));
  TRY(compute_ready());
  auto taken = arrow::compute::Take(arrow::Datum(batch.rows), arrow::Datum(indices),
                                    arrow::compute::TakeOptions::NoBoundsCheck());
  if (!taken.ok()) return tl::unexpected(from_arrow(taken.status(), "taking rows out of a batch"));
  return Batch{taken->record_batch(), batch.positions.select(rows), batch.block};
}

Result<Batch> filter(const Batch& batch, std::span<const uint8_t> keep) {
  std::vector<int64_t> rows;
  rows.reserve(keep.size());
  for (size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] != 0) rows.push_back(static_cast<int64_t>(i));
  }
  if (rows.size() == keep.size()) return batch;
  return select(batch, rows);
}

int64_t line_ends(const Block& block, Position from, Position to) {
  const Bytes bytes = block.view();
  const auto offset = [&](Position position) {
    return std::clamp<Position>(position - block.from, 0, static_cast<Position>(bytes.size()));
  };
  const bool line_feeds = !bytes.empty() && std::memchr(bytes.data(), '\n', bytes.size()) != nullptr;
  return std::count(bytes.begin() + offset(from), bytes.begin() + std::max(offset(from), offset(to)),
                    static_cast<uint8_t>(line_feeds ? '\n' : '\r'));
}

int64_t line_at(const Block& block, Position position) {
  return block.line == 0 ? 0 : block.line + line_ends(block, block.from, position);
}

namespace {

/// `[1, 2]`, `{lat: 1.5}`: what stands within, without the types that Arrow would add.
std::string parts_text(const arrow::Array& column, int64_t row) {
  if (column.type_id() == arrow::Type::STRUCT) {
    const auto& all = static_cast<const arrow::StructArray&>(column);
    std::string text = "{";
    for (int i = 0; i < all.num_fields(); ++i)
      text += (i > 0 ? ", " : "") + all.type()->field(i)->name() + ": " + value_text(*all.field(i), row);
    return text + "}";
  }
  const bool map = column.type_id() == arrow::Type::MAP;
  const auto& lists = static_cast<const arrow::ListArray&>(column);  // a map is a list of its entries
  std::string text = map ? "{" : "[";
  for (int64_t i = lists.value_offset(row); i < lists.value_offset(row + 1); ++i) {
    if (i > lists.value_offset(row)) text += ", ";
    if (map) {
      const auto& entries = static_cast<const arrow::StructArray&>(*lists.values());
      text += value_text(*entries.field(0), i) + ": " + value_text(*entries.field(1), i);
    } else {
      text += value_text(*lists.values(), i);
    }
  }
  return text + (map ? "}" : "]");
}

std::string uuid_text(const arrow::Array& column, int64_t row) {
  const auto& bytes =
      static_cast<const arrow::FixedSizeBinaryArray&>(*static_cast<const arrow::ExtensionArray&>(column).storage());
  std::string text;
  for (int i = 0; i < 16; ++i) {
    constexpr char digits[] = "0123456789abcdef";
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[bytes.GetValue(row)[i] >> 4];
    text += digits[bytes.GetValue(row)[i] & 15];
  }
  return text;
}

}  // namespace

std::string value_text(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return "NULL";
  const auto id = column.type_id();
  if (id == arrow::Type::STRING) return std::string(static_cast<const arrow::StringArray&>(column).GetView(row));
  if (id == arrow::Type::LARGE_STRING)
    return std::string(static_cast<const arrow::LargeStringArray&>(column).GetView(row));
  if (id == arrow::Type::STRUCT || id == arrow::Type::LIST || id == arrow::Type::MAP) return parts_text(column, row);
  if (id == arrow::Type::EXTENSION && same_type(*column.type(), *uuid_type())) return uuid_text(column, row);
  auto scalar = column.GetScalar(row);
  return scalar.ok() ? (*scalar)->ToString() : scalar.status().ToString();
}

Error from_arrow(const arrow::Status& status, std::string where) {
  const bool outside = status.IsOutOfMemory() || status.IsIOError() || status.IsCancelled();
  return Error{
      outside ? Error::Domain::external : Error::Domain::internal, std::move(where), status.message(), {}, outside};
}

int64_t arrow_memory() { return arrow::default_memory_pool()->bytes_allocated(); }

}  // namespace trommel
