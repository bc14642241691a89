#include "spill/row_spill.h"

#include <arrow/api.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>

#include "batch/arrow_io.h"

namespace trommel {
namespace {

constexpr int64_t kBatchRows = 16384;     // gathered before they are written
constexpr int64_t kBatchBytes = 4 << 20;  // or these
constexpr const char* kWhere = "rows set aside";

// The rows with the position of each as a last column.
Rows with_positions(const Batch& batch) {
  arrow::Int64Builder builder;
  std::vector<int64_t> positions(static_cast<size_t>(batch.size()));
  for (int64_t row = 0; row < batch.size(); ++row) positions[static_cast<size_t>(row)] = batch.positions.at(row);
  auto columns = batch.rows->columns();
  columns.push_back(std::make_shared<arrow::Int64Array>(batch.size(), arrow::Buffer::FromVector(std::move(positions))));
  auto fields = batch.rows->schema()->fields();
  fields.push_back(arrow::field("trommel_position", arrow::int64()));
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), batch.size(), std::move(columns));
}

}  // namespace

struct RowSpill::File {
  std::unique_ptr<SpillFile> file;
  std::shared_ptr<arrow::io::OutputStream> out;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader;
};

RowSpill::RowSpill(Env& env, std::string folder, int64_t memory)
    : env_(&env), folder_(std::move(folder)), memory_(memory) {}
RowSpill::~RowSpill() = default;
RowSpill::RowSpill(RowSpill&&) noexcept = default;
RowSpill& RowSpill::operator=(RowSpill&&) noexcept = default;

int64_t RowSpill::rows_of(size_t batch) const { return held_.empty() ? filed_[batch].rows : held_[batch].size(); }

Result<> RowSpill::add(const Batch& batch) {
  if (batch.size() == 0) return {};
  rows_ += batch.size();
  if (file_) return gather(batch);
  held_bytes_ += static_cast<int64_t>(batch.memory()) + 256 * batch.rows->num_columns();
  if (batch.block && batch.block.get() != last_block_) held_bytes_ += static_cast<int64_t>(batch.block->memory());
  last_block_ = batch.block.get();
  held_.push_back(batch);
  if (held_bytes_ <= memory_) return {};
  file_ = std::make_unique<File>();
  ASSIGN(auto file, SpillFile::create(*env_, folder_));
  file_->file = std::make_unique<SpillFile>(std::move(file));
  for (const Batch& one : std::exchange(held_, {})) TRY(gather(one));
  return {};
}

Result<> RowSpill::gather(const Batch& batch) {
  const Filed of{batch.block ? batch.block->split : nullptr, 0, batch.positions.known()};
  if (!gathered_.empty() && (of.split != of_gathered_.split || of.positions != of_gathered_.positions))
    TRY(write_gathered());
  of_gathered_ = of;
  TRY(gathered_.add(with_positions(batch.positions.known() ? batch : Batch{batch.rows, Positions::run(0), nullptr})));
  return gathered_.rows() >= kBatchRows || gathered_.bytes() >= kBatchBytes ? write_gathered() : Result<>{};
}

Result<> RowSpill::write_gathered() {
  if (gathered_.empty()) return {};
  ASSIGN(const Rows rows, gathered_.take());
  if (!file_->writer) {
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.use_threads = false;
    file_->out = arrow_output(file_->file->stream());
    auto writer = arrow::ipc::MakeFileWriter(file_->out, rows->schema(), options);
    if (!writer.ok()) return tl::unexpected(from_arrow(writer.status(), kWhere));
    file_->writer = *writer;
  }
  const auto status = file_->writer->WriteRecordBatch(*rows);
  if (!status.ok()) return tl::unexpected(from_arrow(status, kWhere));
  of_gathered_.rows = rows->num_rows();
  filed_.push_back(of_gathered_);
  return {};
}

Result<> RowSpill::finish() {
  if (!file_) return {};
  TRY(write_gathered());
  const auto status = file_->writer->Close();
  if (!status.ok()) return tl::unexpected(from_arrow(status, kWhere));
  file_->writer.reset();
  ASSIGN(auto opened, file_->file->read());
  auto reader = arrow::ipc::RecordBatchFileReader::Open(arrow_input(std::shared_ptr<RandomFile>(std::move(opened))));
  if (!reader.ok()) return tl::unexpected(from_arrow(reader.status(), kWhere));
  file_->reader = *reader;
  return {};
}

Result<Batch> RowSpill::read(size_t batch) const {
  if (!held_.empty()) return held_[batch];
  auto read = file_->reader->ReadRecordBatch(static_cast<int>(batch));
  if (!read.ok()) return tl::unexpected(from_arrow(read.status(), kWhere));
  const int last = (*read)->num_columns() - 1;
  const auto& positions = static_cast<const arrow::Int64Array&>(*(*read)->column(last));
  Batch out;
  if (filed_[batch].positions)
    out.positions = Positions::each({positions.raw_values(), positions.raw_values() + positions.length()});
  if (filed_[batch].split) {
    auto block = std::make_shared<Block>();
    block->split = filed_[batch].split;
    out.block = std::move(block);
  }
  auto rows = (*read)->RemoveColumn(last);
  if (!rows.ok()) return tl::unexpected(from_arrow(rows.status(), kWhere));
  out.rows = *rows;
  return out;
}

}  // namespace trommel
