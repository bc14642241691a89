#include "connectors/files/spill.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/util/compression.h>
#include <fmt/format.h>

namespace trommel {

Result<> Spill::add(const std::string& key, const arrow::RecordBatch& rows) {
  if (!out_) {
    TRY(env_.remove_tree(folder_));
    TRY(env_.make_directories(folder_));
    ASSIGN(out_, env_.create(path()));
  }
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  if (auto codec = arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME); codec.ok())
    options.codec = std::move(*codec);
  options.use_threads = false;
  const auto bytes = arrow::ipc::SerializeRecordBatch(rows, options);
  if (!bytes.ok()) return tl::unexpected(from_arrow(bytes.status(), path()));
  TRY(out_->append({(*bytes)->data(), static_cast<size_t>((*bytes)->size())}));
  pieces_[key].push_back({written_, (*bytes)->size()});
  written_ += (*bytes)->size();
  in_.reset();
  return {};
}

std::vector<std::string> Spill::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, pieces] : pieces_) out.push_back(key);
  return out;
}

size_t Spill::count(const std::string& key) const {
  const auto found = pieces_.find(key);
  return found == pieces_.end() ? 0 : found->second.size();
}

Result<Rows> Spill::read(const std::string& key, size_t index) {
  const Piece piece = pieces_.at(key).at(index);
  if (!in_) {
    ASSIGN(in_, env_.open_random(path()));
  }
  auto buffer = arrow::AllocateBuffer(piece.size);
  if (!buffer.ok()) return tl::unexpected(from_arrow(buffer.status(), path()));
  ASSIGN(const size_t got, in_->read_at(piece.offset, {(*buffer)->mutable_data(), static_cast<size_t>(piece.size)}));
  if (static_cast<int64_t>(got) != piece.size)
    return external_error(path(), fmt::format("it ends before byte {}", piece.offset + piece.size));
  arrow::io::BufferReader reader(std::shared_ptr<arrow::Buffer>(std::move(*buffer)));
  const arrow::ipc::DictionaryMemo no_dictionaries;
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  auto rows = arrow::ipc::ReadRecordBatch(schema_, &no_dictionaries, options, &reader);
  if (!rows.ok()) return tl::unexpected(from_arrow(rows.status(), path()));
  return *rows;
}

void Spill::clear() {
  pieces_.clear();
  in_.reset();
  if (!out_) return;
  (void)out_->close();
  out_.reset();
  written_ = 0;
  (void)env_.remove_tree(folder_);
}

}  // namespace trommel
