#include "avro/columns.h"

#include <arrow/api.h>
#include <arrow/util/bitmap_builders.h>

#include <algorithm>
#include <limits>

namespace trommel::avro {

namespace {

constexpr int64_t rows_first = 256;
constexpr int64_t bytes_max = std::numeric_limits<int32_t>::max();

/// Makes room, keeping what is there. Out of memory is not to be gone on from: rows would be lost.
uint8_t* resized(std::shared_ptr<arrow::ResizableBuffer>& buffer, int64_t bytes) {
  arrow::Status done;
  if (buffer) {
    done = buffer->Resize(bytes, false);
  } else {
    auto made = arrow::AllocateResizableBuffer(bytes);
    done = made.status();
    if (made.ok()) buffer = std::move(*made);
  }
  TROMMEL_CHECK(done.ok(), done.ToString());
  return buffer->mutable_data();
}

void shrink(std::shared_ptr<arrow::ResizableBuffer>& buffer, int64_t bytes) {
  if (buffer) (void)buffer->Resize(bytes, false);
}

}  // namespace

ColumnBuffers::ColumnBuffers() = default;
ColumnBuffers::~ColumnBuffers() = default;
ColumnBuffers::ColumnBuffers(ColumnBuffers&&) noexcept = default;
ColumnBuffers& ColumnBuffers::operator=(ColumnBuffers&&) noexcept = default;

void ColumnBuffers::plan(const ColumnLayout& layout) {
  store_ = layout.store;
  width_ = has_offsets() ? 4 : layout.width;
  type_ = layout.type;
  nullable_ = layout.nullable && store_ != Store::nothing;
}

size_t ColumnBuffers::memory() const {
  return static_cast<size_t>(capacity_ * (width_ + (nullable_ ? 1 : 0)) + bytes_capacity_);
}

void ColumnBuffers::grow() {
  const bool first = capacity_ == 0;
  capacity_ = std::max(rows_first, capacity_ * 2);
  if (width_ > 0) main_ = resized(main_buffer_, (capacity_ + 1) * width_);
  if (nullable_) valid_ = resized(valid_buffer_, capacity_);
  if (first && has_offsets()) std::memset(main_, 0, 4);
}

bool ColumnBuffers::grow_bytes(size_t more) {
  if (more > static_cast<size_t>(bytes_max - bytes_length_)) return false;
  bytes_capacity_ =
      std::min(std::max<int64_t>({bytes_capacity_ * 2, bytes_length_ + static_cast<int64_t>(more), 1024}), bytes_max);
  bytes_ = resized(bytes_buffer_, bytes_capacity_);
  return true;
}

void ColumnBuffers::add_null() {
  switch (store_) {
    case Store::bit:
    case Store::fixed:
      std::memset(add(width_), 0, static_cast<size_t>(width_));
      break;
    case Store::bytes:
    case Store::list:
      add_end(length_ == 0 ? 0 : reinterpret_cast<int32_t*>(main_)[length_]);
      break;
    case Store::structure:
    case Store::nothing:
      add_structure();
      break;
  }
  if (valid_ != nullptr) valid_[length_ - 1] = 0;
}

int64_t ColumnBuffers::truncate(int64_t length) {
  length_ = std::min(length_, length);
  if (!has_offsets() || capacity_ == 0) return 0;
  const int64_t end = reinterpret_cast<int32_t*>(main_)[length_];
  if (store_ == Store::bytes) bytes_length_ = end;
  return end;
}

std::shared_ptr<arrow::ArrayData> ColumnBuffers::finish() {
  if (capacity_ == 0) grow();
  int64_t nulls = store_ == Store::nothing ? length_ : 0;
  std::shared_ptr<arrow::Buffer> validity;
  if (nullable_) nulls = length_ - std::count(valid_, valid_ + length_, 1);
  if (nullable_ && nulls > 0) {
    auto bits = arrow::internal::BytesToBits({valid_, static_cast<size_t>(length_)});
    TROMMEL_CHECK(bits.ok(), bits.status().ToString());
    validity = std::move(*bits);
  }
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {validity};
  if (store_ == Store::bit) {
    auto bits = arrow::internal::BytesToBits({main_, static_cast<size_t>(length_)});
    TROMMEL_CHECK(bits.ok(), bits.status().ToString());
    buffers.push_back(std::move(*bits));
  } else if (width_ > 0) {
    shrink(main_buffer_, (length_ + (has_offsets() ? 1 : 0)) * width_);
    buffers.push_back(std::move(main_buffer_));
  }
  if (store_ == Store::bytes) {
    if (!bytes_buffer_) resized(bytes_buffer_, 0);
    shrink(bytes_buffer_, bytes_length_);
    buffers.push_back(std::move(bytes_buffer_));
  }
  auto data = arrow::ArrayData::Make(type_, length_, std::move(buffers), nulls);
  ColumnBuffers empty;
  empty.store_ = store_;
  empty.width_ = width_;
  empty.type_ = type_;
  empty.nullable_ = nullable_;
  *this = std::move(empty);
  return data;
}

ColumnSet::ColumnSet(std::shared_ptr<const Layout> layout)
    : layout_(std::move(layout)), columns_(layout_->columns.size()) {
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].plan(layout_->columns[i]);
}

void ColumnSet::add_null(uint32_t column) {
  columns_[column].add_null();
  if (layout_->columns[column].store != Store::structure) return;
  for (const uint32_t child : layout_->columns[column].children) add_null(child);
}

void ColumnSet::truncate(int64_t rows) {
  for (const uint32_t column : layout_->top) truncate(column, rows);
}

void ColumnSet::truncate(uint32_t column, int64_t length) {
  const ColumnLayout& layout = layout_->columns[column];
  const int64_t end = columns_[column].truncate(length);
  for (const uint32_t child : layout.children) truncate(child, layout.store == Store::list ? end : length);
}

size_t ColumnSet::memory() const {
  size_t bytes = 0;
  for (const ColumnBuffers& column : columns_) bytes += column.memory();
  return bytes;
}

Rows ColumnSet::finish(int64_t rows) {
  arrow::ArrayVector arrays;
  for (const uint32_t column : layout_->top) arrays.push_back(arrow::MakeArray(finish(column)));
  return arrow::RecordBatch::Make(layout_->schema, rows, std::move(arrays));
}

std::shared_ptr<arrow::ArrayData> ColumnSet::finish(uint32_t column) {
  const ColumnLayout& layout = layout_->columns[column];
  auto data = columns_[column].finish();
  if (layout.type->id() == arrow::Type::MAP) {
    auto key = finish(layout.children[0]);
    auto item = finish(layout.children[1]);
    auto entries = arrow::ArrayData::Make(layout.type->field(0)->type(), key->length, {nullptr}, 0);
    entries->child_data = {std::move(key), std::move(item)};
    data->child_data = {std::move(entries)};
  } else {
    for (const uint32_t child : layout.children) data->child_data.push_back(finish(child));
  }
  return data;
}

}  // namespace trommel::avro
