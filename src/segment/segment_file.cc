#include "segment/segment_file.h"

#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/util/compression.h>
#include <fmt/format.h>

#include "base/lasting_folder.h"
#include "batch/arrow_io.h"
#include "batch/gather.h"
#include "segment/checksum.h"

namespace trommel {
namespace {

constexpr int64_t rows_a_write = 16 << 10;
constexpr int64_t bytes_a_write = 1 << 20;

/// Passes bytes on, and remembers how many and their hash.
class HashedStream final : public OutputStream {
 public:
  explicit HashedStream(std::unique_ptr<OutputStream> stream) : stream_(std::move(stream)) {}
  Result<> append(Bytes bytes) override {
    checksum_.update(bytes);
    size_ += static_cast<int64_t>(bytes.size());
    return stream_->append(bytes);
  }
  Result<> sync() override { return stream_->sync(); }
  Result<> close() override { return stream_->close(); }
  int64_t size() const { return size_; }
  std::string checksum() const { return checksum_.text(); }

 private:
  std::unique_ptr<OutputStream> stream_;
  Checksum checksum_;
  int64_t size_ = 0;
};

class IpcWriter final : public SegmentWriter {
 public:
  IpcWriter(Env& env, std::string sink, std::string path, std::unique_ptr<OutputStream> stream)
      : env_(env), out_(std::move(stream)) {
    sealed_.sink = std::move(sink);
    sealed_.path = std::move(path);
  }
  Result<> start(const Schema& schema) {
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.use_threads = false;
    // Each column is packed for itself: zstd takes ten times as long for little more.
    auto codec = arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME);
    if (codec.ok()) options.codec = std::move(*codec);
    auto writer = arrow::ipc::MakeStreamWriter(arrow_output(out_), schema, options);
    if (!writer.ok()) return tl::unexpected(from_arrow(writer.status(), sealed_.path));
    writer_ = *writer;
    return {};
  }
  Result<> append(const Batch& batch) override {
    sealed_.rows += batch.size();
    TRY(gathered_.add(batch.rows));
    return gathered_.rows() >= rows_a_write || gathered_.bytes() >= bytes_a_write ? flush() : Result<>{};
  }
  Result<SealedSegment> seal(bool sync) override {
    TRY(flush());
    const auto status = writer_->Close();
    if (!status.ok()) return tl::unexpected(from_arrow(status, sealed_.path));
    if (sync) TRY(out_.sync());
    TRY(out_.close());
    if (sync) TRY(env_.sync_directory(folder_of(sealed_.path)));
    sealed_.size = out_.size();
    sealed_.checksum = out_.checksum();
    return sealed_;
  }

 private:
  Result<> flush() {
    if (gathered_.empty()) return {};
    ASSIGN(const Rows rows, gathered_.take());
    const auto status = writer_->WriteRecordBatch(*rows);
    if (!status.ok()) return tl::unexpected(from_arrow(status, sealed_.path));
    return {};
  }

  Env& env_;
  SealedSegment sealed_;
  Gather gathered_;  ///< small batches cost as much as large ones, here and in the store
  HashedStream out_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

class IpcSegment final : public Segment {
 public:
  IpcSegment(SealedSegment sealed, std::shared_ptr<arrow::ipc::RecordBatchStreamReader> reader)
      : sealed_(std::move(sealed)), reader_(std::move(reader)) {}
  Result<bool> next(Batch& batch) override {
    std::shared_ptr<arrow::RecordBatch> rows;
    const auto status = reader_->ReadNext(&rows);
    if (!status.ok()) return tl::unexpected(from_arrow(status, sealed_.path));
    batch = Batch{rows, {}, nullptr};
    return rows != nullptr;
  }
  int64_t rows() const override { return sealed_.rows; }

 private:
  SealedSegment sealed_;
  std::shared_ptr<arrow::ipc::RecordBatchStreamReader> reader_;
};

Result<> check_bytes(const RandomFile& file, const SealedSegment& segment, const std::string& hint) {
  Checksum read;
  std::vector<uint8_t> buffer(1 << 20);
  for (int64_t at = 0;;) {
    ASSIGN(const size_t got, file.read_at(at, buffer));
    if (got == 0) break;
    read.update(Bytes(buffer).first(got));
    at += static_cast<int64_t>(got);
  }
  const std::string checksum = read.text();
  if (file.size() != segment.size || checksum != segment.checksum) {
    Error damaged{Error::Domain::external, segment.path,
                  fmt::format("is damaged: {} bytes with checksum {}, written were {} with {}", file.size(), checksum,
                              segment.size, segment.checksum),
                  hint, false};
    return tl::unexpected(std::move(damaged));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::open(Env& env, const std::string& path, const std::string& sink,
                                                           const Schema& schema) {
  TRY(make_lasting_directories(env, folder_of(path)));
  ASSIGN(auto stream, env.create(path));
  auto writer = std::make_unique<IpcWriter>(env, sink, path, std::move(stream));
  TRY(writer->start(schema));
  return writer;
}

Result<std::unique_ptr<Segment>> open_segment(Env& env, const SealedSegment& segment, const std::string& hint) {
  if (!env.exists(segment.path)) {
    return tl::unexpected(
        Error{Error::Domain::external, segment.path, "is gone, with rows that have yet to be written", hint, false});
  }
  ASSIGN(auto opened, env.open_random(segment.path));
  std::shared_ptr<RandomFile> file = std::move(opened);
  TRY(check_bytes(*file, segment, hint));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(arrow_input(file));
  if (!reader.ok()) return tl::unexpected(from_arrow(reader.status(), segment.path));
  return std::make_unique<IpcSegment>(segment, *reader);
}

Result<Schema> segment_schema(Env& env, const std::string& path) {
  ASSIGN(auto opened, env.open_random(path));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(arrow_input(std::move(opened)));
  if (!reader.ok()) return tl::unexpected(from_arrow(reader.status(), path));
  return (*reader)->schema();
}

}  // namespace trommel
