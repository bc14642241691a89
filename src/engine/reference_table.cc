#include "engine/reference_table.h"

#include <fmt/format.h>

#include "component/quiet_outlet.h"
#include "engine/rejects.h"

namespace trommel {
namespace {

using Consumer = std::function<Result<>(const Batch&)>;

class TableOutlet final : public QuietOutlet {
 public:
  TableOutlet(const std::string& name, const Consumer& each) : name_(name), each_(each) {}
  void emit(Batch batch) override {
    if (outcome) outcome = each_(batch);
  }
  void reject(const Batch& batch, std::span<const Refusal> refusals) override {
    if (!outcome || refusals.empty()) return;
    const int64_t line =
        batch.block && batch.positions.known() ? line_at(*batch.block, batch.positions.at(refusals[0].row)) : 0;
    fail(batch.block.get(), line, refusals[0].column, refusals[0].reason);
  }
  void reject(const Block& block, std::span<const RawRefusal> refusals) override {
    if (outcome && !refusals.empty())
      fail(&block, line_at(block, block.from + refusals[0].offset), refusals[0].column, refusals[0].reason);
  }
  void misfit(const Block&, Misfit misfit) override { misfits.push_back(std::move(misfit)); }

  Result<> outcome;
  std::vector<Misfit> misfits;

 private:
  void fail(const Block* block, int64_t line, const std::string& column, const std::string& reason) {
    const std::string where =
        block != nullptr && block->split ? fmt::format("{} line {}", block->split->name, line) : name_;
    outcome = data_error(where, fmt::format("table `{}`: {}", name_, reason_text(column, reason)),
                         "a lookup table must be read whole: mend the row");
  }
  const std::string& name_;
  const Consumer& each_;
};

Result<std::vector<Misfit>> read_all(const std::string& name, Source& source, const Consumer& each) {
  TableOutlet outlet(name, each);
  ASSIGN(const auto splits, source.discover());
  for (const Split& found : splits) {
    auto split = std::make_shared<Split>(found);
    split->source = name;
    ASSIGN(auto reader, source.open(split, 0));
    for (;;) {
      ASSIGN(auto piece, reader->read());
      if (piece.block) {
        if (auto rows = piece.block->decoder->decode(*piece.block, outlet); !rows) return tl::unexpected(rows.error());
        TRY(outlet.outcome);
      }
      if (piece.then == Reader::Next::ended) break;
    }
  }
  return outlet.misfits;
}

}  // namespace

Result<ReferenceTable> make_reference_table(const std::string& name, std::shared_ptr<Source> source) {
  const Consumer nobody = [](const Batch&) -> Result<> { return {}; };
  ASSIGN(auto misfits, read_all(name, *source, nobody));
  if (!misfits.empty()) {
    TRY(source->widen(misfits));
    ASSIGN(misfits, read_all(name, *source, nobody));
    if (!misfits.empty())
      return internal_error(
          name, fmt::format("column {}: {} does not fit its widened type", misfits[0].column, misfits[0].value));
  }
  ReferenceTable table;
  table.name = name;
  table.schema = source->schema();
  table.read = [name, source](const Consumer& each) -> Result<> {
    ASSIGN(const auto wrong, read_all(name, *source, each));
    if (!wrong.empty()) return external_error(name, "the table's file changed while it was in use", "run again");
    return {};
  };
  return table;
}

}  // namespace trommel
