// Columns that grow value by value. Internal to the decoder: what is here is called for every value.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "avro/layout.h"

namespace arrow {
class ArrayData;
class ResizableBuffer;
}  // namespace arrow

namespace trommel::avro {

/// One node of a layout, filling up. `main` holds values or offsets by its store. Growing aborts when memory is out, as
/// Arrow's own builders' callers have to.
class ColumnBuffers {
 public:
  ColumnBuffers();
  ~ColumnBuffers();
  ColumnBuffers(ColumnBuffers&&) noexcept;
  ColumnBuffers& operator=(ColumnBuffers&&) noexcept;

  void plan(const ColumnLayout& layout);

  int64_t length() const { return length_; }
  int64_t bytes() const { return bytes_length_; }
  size_t memory() const;

  /// A place for one more value; what it holds is the caller's to write.
  uint8_t* add(int64_t width) {
    if (length_ == capacity_) grow();
    if (valid_ != nullptr) valid_[length_] = 1;
    return main_ + width * length_++;
  }
  template <class T>
  void add_value(T value) {
    std::memcpy(add(sizeof(T)), &value, sizeof(T));
  }
  /// False, and nothing added, when offsets of 32 bits cannot hold it.
  bool add_bytes(const uint8_t* bytes, size_t size) {
    if (size > static_cast<size_t>(bytes_capacity_ - bytes_length_) && !grow_bytes(size)) return false;
    if (size > 0) std::memcpy(bytes_ + bytes_length_, bytes, size);  // no bytes may have no place
    bytes_length_ += static_cast<int64_t>(size);
    add_end(bytes_length_);
    return true;
  }
  /// The end of a list's items, or of bytes.
  void add_end(int64_t end) {
    if (length_ == capacity_) grow();
    if (valid_ != nullptr) valid_[length_] = 1;
    reinterpret_cast<int32_t*>(main_)[++length_] = static_cast<int32_t>(end);
  }
  /// A struct keeps nothing of its own.
  void add_structure() {
    if (length_ == capacity_) grow();
    if (valid_ != nullptr) valid_[length_] = 1;
    ++length_;
  }
  /// NULL where the column may have it; below a NULL struct, a value that nobody reads.
  void add_null();

  /// Forgets the values from `length` on. Returns where the items of a list ended then.
  int64_t truncate(int64_t length);

  /// The node alone, without children. Leaves nothing behind.
  std::shared_ptr<arrow::ArrayData> finish();

 private:
  void grow();
  bool grow_bytes(size_t more);
  bool has_offsets() const { return store_ == Store::bytes || store_ == Store::list; }

  Store store_ = Store::nothing;
  int64_t width_ = 0;
  Type type_;
  bool nullable_ = false;
  int64_t length_ = 0, capacity_ = 0;
  int64_t bytes_length_ = 0, bytes_capacity_ = 0;
  uint8_t *main_ = nullptr, *valid_ = nullptr, *bytes_ = nullptr;
  std::shared_ptr<arrow::ResizableBuffer> main_buffer_, valid_buffer_, bytes_buffer_;
};

/// All columns of a layout.
class ColumnSet {
 public:
  explicit ColumnSet(std::shared_ptr<const Layout> layout);

  ColumnBuffers& at(uint32_t column) { return columns_[column]; }
  const Layout& layout() const { return *layout_; }
  /// NULL in the column, and in all below it what it takes.
  void add_null(uint32_t column);
  /// Forgets rows from `rows` on, in every column.
  void truncate(int64_t rows);
  size_t memory() const;
  /// `rows` rows; the set is empty afterwards.
  Rows finish(int64_t rows);

 private:
  void truncate(uint32_t column, int64_t length);
  std::shared_ptr<arrow::ArrayData> finish(uint32_t column);

  std::shared_ptr<const Layout> layout_;
  std::vector<ColumnBuffers> columns_;
};

}  // namespace trommel::avro
