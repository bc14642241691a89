#include "component/promises.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace trommel {
namespace {

constexpr int64_t pieces_max = 1 << 20;  ///< a reader that never ends is a broken one

struct OpenedPiece {
  std::shared_ptr<const Split> split;
  std::optional<Block> block;
  Position next = 0;
};

Result<std::vector<OpenedPiece>> pieces_of(Source& source, const std::shared_ptr<const Split>& split, Position at) {
  ASSIGN(const auto reader, source.open(split, at));
  std::vector<OpenedPiece> out;
  while (static_cast<int64_t>(out.size()) < pieces_max) {
    ASSIGN(auto piece, reader->read());
    out.push_back({split, std::move(piece.block), piece.next});
    if (piece.then == Reader::Next::ended) return out;
  }
  return external_error(split->name, "its reader does not end");
}

Result<int64_t> decode_piece(const OpenedPiece& piece, KeepingOutlet& outlet) {
  if (!piece.block) return 0;
  return piece.block->decoder->decode(*piece.block, outlet);
}

class SourceCheck {
 public:
  explicit SourceCheck(std::vector<std::string>& broken) : broken_(broken) {}

  Result<> run(Source& source, int64_t block_bytes) {
    where_ = fmt::format("blocks of {}", block_bytes);
    ASSIGN(const auto splits, source.discover());
    ASSIGN(const auto again, source.discover());
    std::set<std::string> ids;
    for (const Split& split : splits) ids.insert(split.id);
    expect(ids.size() == splits.size(), "two splits have one id");
    expect(ids_of(splits) == ids_of(again), "discover gives other splits, or another order, when asked again");
    KeepingOutlet all;
    for (const Split& split : splits) TRY(check_split(source, std::make_shared<const Split>(split), all));
    compare(all);
    return {};
  }

 private:
  void expect(bool kept, const std::string& promise) {
    if (!kept) broken_.push_back(where_ + ": " + promise);
  }

  static std::vector<std::string> ids_of(const std::vector<Split>& splits) {
    std::vector<std::string> out;
    for (const Split& split : splits) out.push_back(split.id);
    return out;
  }

  Result<> check_split(Source& source, const std::shared_ptr<const Split>& split, KeepingOutlet& all) {
    ASSIGN(const auto pieces, pieces_of(source, split, 0));
    KeepingOutlet outlet;
    std::vector<size_t> rows_before;  // rows that came before each piece's end
    Position at = 0;
    for (const OpenedPiece& piece : pieces) {
      const int64_t before = outlet.accounted();
      ASSIGN(const int64_t counted, decode_piece(piece, outlet));
      expect(counted == outlet.accounted() - before,
             fmt::format("a decoder counted {} rows and handed over {}", counted, outlet.accounted() - before));
      if (piece.block) {
        expect(piece.block->from >= at, fmt::format("a block begins at {}, before {}", piece.block->from, at));
        expect(piece.block->split && piece.block->split->id == split->id, "a block belongs to another split");
        at = piece.block->to;
      }
      rows_before.push_back(outlet.rows.size());
    }
    for (const Batch& batch : outlet.batches) {
      expect(batch.rows->schema()->Equals(*source.schema(), false), "a batch has another schema than the source");
    }
    TRY(check_order(pieces, outlet));
    TRY(check_reopening(source, split, pieces, rows_before, outlet));
    all.rows.insert(all.rows.end(), outlet.rows.begin(), outlet.rows.end());
    all.rejects.insert(all.rejects.end(), outlet.rejects.begin(), outlet.rejects.end());
    all.filtered_rows += outlet.filtered_rows;
    return {};
  }

  Result<> check_order(const std::vector<OpenedPiece>& pieces, const KeepingOutlet& forward) {
    std::vector<KeepingOutlet> parts(pieces.size());
    for (size_t i = pieces.size(); i-- > 0;) {
      KeepingOutlet once;
      ASSIGN([[maybe_unused]] const int64_t first, decode_piece(pieces[i], once));
      ASSIGN([[maybe_unused]] const int64_t second, decode_piece(pieces[i], parts[i]));
      expect(once.rows == parts[i].rows && once.rejects == parts[i].rejects,
             fmt::format("decoding piece {} twice gives other rows", i));
    }
    std::vector<KeepingOutlet::Kept> backward;
    for (const KeepingOutlet& part : parts) backward.insert(backward.end(), part.rows.begin(), part.rows.end());
    expect(backward == forward.rows, "decoding from the last piece to the first gives other rows");
    return {};
  }

  Result<> check_reopening(Source& source, const std::shared_ptr<const Split>& split,
                           const std::vector<OpenedPiece>& pieces, const std::vector<size_t>& rows_before,
                           const KeepingOutlet& whole) {
    const size_t step = std::max<size_t>(pieces.size() / 8, 1);
    for (size_t i = 0; i < pieces.size(); i += step) {
      ASSIGN(const auto rest, pieces_of(source, split, pieces[i].next));
      KeepingOutlet outlet;
      for (const OpenedPiece& piece : rest) TRY(decode_piece(piece, outlet));
      const std::vector<KeepingOutlet::Kept> expected(whole.rows.begin() + static_cast<ptrdiff_t>(rows_before[i]),
                                                      whole.rows.end());
      expect(outlet.rows == expected, fmt::format("opened at {} it gives {} rows, not the {} that came after it",
                                                  pieces[i].next, outlet.rows.size(), expected.size()));
    }
    return {};
  }

  void compare(const KeepingOutlet& all) {
    if (!first_) {
      first_ = all;
      return;
    }
    expect(all.rows == first_->rows,
           fmt::format("{} rows, {} with other blocks, or others", all.rows.size(), first_->rows.size()));
    expect(all.rejects == first_->rejects, "other rejects than with other blocks");
    expect(all.filtered_rows == first_->filtered_rows, "other rows filtered than with other blocks");
  }

  std::vector<std::string>& broken_;
  std::string where_;
  std::optional<KeepingOutlet> first_;
};

}  // namespace

std::vector<std::string> rows_as_text(const arrow::RecordBatch& rows) {
  std::vector<std::string> out;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    std::string text;
    for (int column = 0; column < rows.num_columns(); ++column) {
      text += (column == 0 ? "" : " | ") + value_text(*rows.column(column), row);
    }
    out.push_back(std::move(text));
  }
  return out;
}

void KeepingOutlet::emit(Batch batch) {
  const auto texts = rows_as_text(*batch.rows);
  for (size_t i = 0; i < texts.size(); ++i) {
    const bool known = batch.positions.known();
    rows.push_back({texts[i], batch.block && batch.block->split ? batch.block->split->id : "",
                    known ? batch.positions.at(static_cast<int64_t>(i)) : -1});
  }
  batches.push_back(std::move(batch));
}

void KeepingOutlet::reject(const Batch&, std::span<const Refusal> refusals) {
  for (const Refusal& refusal : refusals) rejects.push_back(refusal.code + " " + refusal.column + " " + refusal.value);
}

void KeepingOutlet::reject(const Block&, std::span<const RawRefusal> refusals) {
  for (const RawRefusal& refusal : refusals)
    rejects.push_back(refusal.code + " " + refusal.column + " " + refusal.value);
}

void KeepingOutlet::misfit(const Block&, Misfit misfit) { misfits.push_back(std::move(misfit)); }

int64_t KeepingOutlet::accounted() const {
  return static_cast<int64_t>(rows.size() + rejects.size()) + filtered_rows + deduplicated_rows + combined_rows -
         expanded_rows;
}

Result<> read_all(Source& source, KeepingOutlet& outlet) {
  ASSIGN(const auto splits, source.discover());
  for (const Split& split : splits) {
    ASSIGN(const auto pieces, pieces_of(source, std::make_shared<const Split>(split), 0));
    for (const OpenedPiece& piece : pieces) TRY(decode_piece(piece, outlet));
  }
  return {};
}

std::vector<std::string> broken_source_promises(
    const std::function<Result<std::shared_ptr<Source>>(int64_t block_bytes)>& bind,
    const std::vector<int64_t>& block_sizes) {
  std::vector<std::string> broken;
  SourceCheck check(broken);
  for (const int64_t block_bytes : block_sizes) {
    auto source = bind(block_bytes);
    Result<> done = source ? check.run(**source, block_bytes) : Result<>(tl::unexpected(source.error()));
    if (!done) broken.push_back(fmt::format("blocks of {}: {}", block_bytes, done.error().text()));
  }
  return broken;
}

class PlainOutputFiles::File : public OutputFile {
 public:
  File(PlainOutputFiles& owner, size_t index, std::unique_ptr<OutputStream> out)
      : owner_(owner), index_(index), out_(std::move(out)) {}
  Result<> append(Bytes bytes) override {
    written_ += static_cast<int64_t>(bytes.size());
    return out_->append(bytes);
  }
  Result<> sync() override { return out_->sync(); }
  Result<> close() override {
    owner_.made_[index_].closed = true;
    return out_->close();
  }
  int64_t written() const override { return written_; }
  void set_rows(int64_t rows) override { owner_.made_[index_].rows = rows; }

 private:
  PlainOutputFiles& owner_;
  size_t index_;
  std::unique_ptr<OutputStream> out_;
  int64_t written_ = 0;
};

Result<std::unique_ptr<OutputFile>> PlainOutputFiles::create(const std::string& path) {
  TRY(env_.make_directories(folder_of(path)));
  ASSIGN(auto out, env_.create(path));
  made_.push_back({path, -1, false});
  return std::make_unique<File>(*this, made_.size() - 1, std::move(out));
}

int64_t PlainOutputFiles::rows() const {
  int64_t rows = 0;
  for (const Made& file : made_) rows += file.rows;
  return rows;
}

std::vector<std::string> broken_file_sink_promises(FileSink& sink, const std::vector<Batch>& batches,
                                                   PlainOutputFiles& files) {
  std::vector<std::string> broken;
  int64_t rows = 0;
  for (const Batch& batch : batches) {
    rows += batch.size();
    if (auto done = sink.write(batch, files); !done) broken.push_back("write: " + done.error().text());
  }
  if (auto done = sink.finish(files); !done) broken.push_back("finish: " + done.error().text());
  std::set<std::string> paths;
  for (const auto& file : files.made()) {
    if (!file.closed) broken.push_back(file.path + " was not closed");
    if (file.rows < 0) broken.push_back(file.path + " was not told its rows");
    if (!paths.insert(file.path).second) broken.push_back(file.path + " was made twice");
  }
  if (files.rows() != rows) broken.push_back(fmt::format("{} rows in files, {} written", files.rows(), rows));
  const size_t before = files.made().size();
  if (auto done = sink.finish(files); !done || files.made().size() != before)
    broken.push_back("a second finish made something of nothing");
  if (sink.memory() != 0) broken.push_back(fmt::format("{} bytes are held after the end", sink.memory()));
  return broken;
}

}  // namespace trommel
