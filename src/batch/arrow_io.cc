#include "batch/arrow_io.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include <vector>

namespace trommel {
namespace {

arrow::Status to_arrow(const Error& error) { return arrow::Status::IOError(error.text()); }

class Output final : public arrow::io::OutputStream {
 public:
  Output(trommel::OutputStream& stream, size_t buffer_bytes) : stream_(stream), buffer_bytes_(buffer_bytes) {
    set_mode(arrow::io::FileMode::WRITE);
  }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t bytes) override {
    if (closed_) return arrow::Status::Invalid("closed");
    const Bytes piece{static_cast<const uint8_t*>(data), static_cast<size_t>(bytes)};
    written_ += bytes;
    if (buffer_.size() + piece.size() > buffer_bytes_) {
      ARROW_RETURN_NOT_OK(Flush());
      if (piece.size() >= buffer_bytes_) return append(piece);
    }
    buffer_.insert(buffer_.end(), piece.begin(), piece.end());
    return arrow::Status::OK();
  }
  arrow::Status Flush() override {
    if (buffer_.empty()) return arrow::Status::OK();
    const auto done = append(buffer_);
    buffer_.clear();
    return done;
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return written_; }

 private:
  arrow::Status append(Bytes bytes) {
    const auto done = stream_.append(bytes);
    return done ? arrow::Status::OK() : to_arrow(done.error());
  }

  trommel::OutputStream& stream_;
  const size_t buffer_bytes_;
  std::vector<uint8_t> buffer_;
  int64_t written_ = 0;
  bool closed_ = false;
};

class Input final : public arrow::io::RandomAccessFile {
 public:
  explicit Input(std::shared_ptr<RandomFile> file) : file_(std::move(file)) { set_mode(arrow::io::FileMode::READ); }
  arrow::Result<int64_t> GetSize() override { return file_->size(); }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    const auto got = file_->read_at(position, {static_cast<uint8_t*>(out), static_cast<size_t>(bytes)});
    if (!got) return to_arrow(got.error());
    return static_cast<int64_t>(*got);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::ResizableBuffer> buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position, bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return buffer;
  }
  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(at_, bytes, out));
    at_ += got;
    return got;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(at_, bytes));
    at_ += buffer->size();
    return buffer;
  }
  arrow::Status Seek(int64_t position) override {
    at_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return at_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  std::shared_ptr<RandomFile> file_;
  int64_t at_ = 0;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<arrow::io::OutputStream> arrow_output(OutputStream& stream, size_t buffer_bytes) {
  return std::make_shared<Output>(stream, buffer_bytes);
}
std::shared_ptr<arrow::io::RandomAccessFile> arrow_input(std::shared_ptr<RandomFile> file) {
  return std::make_shared<Input>(std::move(file));
}

}  // namespace trommel
