// The engine on components made for the purpose: lines of numbers in, lines of numbers out.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <utility>

#include "engine/run.h"

namespace trommel {

inline Schema number_schema() { return arrow::schema({arrow::field("n", arrow::int64())}); }

inline Rows number_rows(const std::vector<int64_t>& numbers) {
  arrow::Int64Builder builder;
  TROMMEL_CHECK(builder.AppendValues(numbers).ok(), "append");
  return arrow::RecordBatch::Make(number_schema(), static_cast<int64_t>(numbers.size()), {*builder.Finish()});
}

inline int64_t number_at(const Batch& batch, int64_t row) {
  return static_cast<const arrow::Int64Array&>(*batch.rows->column(0)).Value(row);
}

/// What the source gives, and what goes wrong; shared with the test.
struct World {
  std::vector<int64_t> files{
      1000};                 ///< rows of each; row i of file f is f * 1,000,000 + i, written as text, one a line
  int64_t reject_every = 0;  ///< rows whose number divides by it are no numbers
  int64_t reject_from = 0;   ///< those below it do not
  int64_t lose_row = -1;     ///< the decoder forgets this one: a planted miscount
  int64_t lose_in_transform = -1;
  bool sink_miscounts = false;
  std::atomic<int> store_away{0};  ///< how many commits fail before one goes through
  bool fails_once = false;         ///< the first commit of each epoch fails
  Epoch failed = 0;
  std::atomic<int64_t> asked{0};            ///< rows that the store was asked about, whether it would take them
  std::function<void(Epoch)> at_work = {};  ///< within a commit
  bool endless = false;
  int misfits = 0;             ///< how often the first block says that its types were guessed wrong
  std::vector<int64_t> table;  ///< the store's rows
  Epoch table_epoch = 0;
};

class NumberDecoder final : public Decoder {
 public:
  explicit NumberDecoder(World& world) : world_(world) {}
  Result<int64_t> decode(const Block& block, Outlet& outlet) const override {
    std::istringstream lines{std::string(as_text(block.view()))};
    std::vector<int64_t> numbers;
    std::vector<Position> positions;
    std::vector<RawRefusal> refusals;
    int64_t records = 0, offset = 0;
    for (std::string line; std::getline(lines, line); offset += static_cast<int64_t>(line.size()) + 1) {
      ++records;
      const int64_t number = std::stoll(line);
      if (world_.misfits > 0) outlet.misfit(block, {"n", line, block.from + offset});
      if (number == world_.lose_row) continue;
      if (world_.reject_every > 0 && number >= world_.reject_from && number % world_.reject_every == 0) {
        refusals.push_back({offset, static_cast<int64_t>(line.size()), "cast", "n", line, "is no number"});
        continue;
      }
      numbers.push_back(number);
      positions.push_back(block.from + offset);
    }
    if (!refusals.empty()) outlet.reject(block, refusals);
    outlet.emit({number_rows(numbers), Positions::each(std::move(positions)), std::make_shared<Block>(block)});
    return records;
  }

 private:
  World& world_;
};

class NumberReader final : public Reader {
 public:
  NumberReader(World& world, std::shared_ptr<const Split> split, int64_t block_bytes, Position from)
      : split_(std::move(split)), decoder_(std::make_shared<NumberDecoder>(world)), block_bytes_(block_bytes) {
    const int64_t file = std::stoll(split_->id);
    for (int64_t i = 0; i < world.files[static_cast<size_t>(file)]; ++i)
      text_ += fmt::format("{}\n", file * 1'000'000 + i);
    at_ = static_cast<size_t>(from);
    line_ += std::count(text_.begin(), text_.begin() + from, '\n');
  }
  Result<Piece> read() override {
    Piece piece;
    const size_t from = at_;
    at_ = std::min(text_.size(), at_ + static_cast<size_t>(block_bytes_));
    if (at_ < text_.size()) at_ = text_.find('\n', at_) + 1;
    Block block;
    block.split = split_;
    block.decoder = decoder_;
    block.bytes = arrow::Buffer::FromString(text_.substr(from, at_ - from));
    block.from = static_cast<Position>(from);
    block.to = static_cast<Position>(at_);
    block.line = line_;
    line_ +=
        std::count(text_.begin() + static_cast<ptrdiff_t>(from), text_.begin() + static_cast<ptrdiff_t>(at_), '\n');
    piece.block = std::move(block);
    piece.next = static_cast<Position>(at_);
    piece.then = at_ == text_.size() ? Next::ended : Next::more;
    return piece;
  }

 private:
  std::shared_ptr<const Split> split_;
  std::shared_ptr<const Decoder> decoder_;
  int64_t block_bytes_;
  std::string text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

class NumberSource final : public Source {
 public:
  NumberSource(World& world, int64_t block_bytes) : world_(world), block_bytes_(block_bytes) {}
  Result<std::vector<Split>> discover() override {
    std::vector<Split> splits(world_.files.size());
    for (size_t i = 0; i < splits.size(); ++i) {
      splits[i].id = std::to_string(i);
      splits[i].name = fmt::format("file-{}", i);
    }
    return splits;
  }
  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position from) override {
    return std::make_unique<NumberReader>(world_, std::move(split), block_bytes_, from);
  }
  Result<> durable(std::span<const Delivered>) override { return {}; }
  Schema schema() const override { return number_schema(); }
  bool guessed() const override { return true; }
  bool endless() const override { return world_.endless; }
  Result<> widen(std::span<const Misfit>) override {
    --world_.misfits;
    return {};
  }

 private:
  World& world_;
  int64_t block_bytes_;
};

/// Leaves out odd numbers; in order or whole when told so.
class EvenTransform final : public Transform {
 public:
  EvenTransform(World& world, bool wait) : world_(world), wait_(wait) {}
  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    if (wait_) {
      waiting_.push_back(batch);
      return {};
    }
    return pass(batch, outlet);
  }
  Result<> end(Outlet& outlet) override {
    for (const Batch& batch : waiting_) TRY(pass(batch, outlet));
    return {};
  }

 private:
  Result<> pass(const Batch& batch, Outlet& outlet) {
    std::vector<uint8_t> keep(static_cast<size_t>(batch.size()));
    int64_t odd = 0;
    for (int64_t i = 0; i < batch.size(); ++i) {
      const int64_t number = number_at(batch, i);
      odd += number % 2;
      keep[static_cast<size_t>(i)] = number % 2 == 0 && number != world_.lose_in_transform;
    }
    ASSIGN(auto kept, filter(batch, keep));
    outlet.filtered(odd);
    outlet.emit(std::move(kept));
    return {};
  }
  World& world_;
  bool wait_;
  std::vector<Batch> waiting_;
};

class LineSink final : public FileSink {
 public:
  LineSink(World& world, std::string path) : world_(world), path_(std::move(path)) {}
  Result<> write(const Batch& batch, OutputFiles& files) override {
    if (!file_) {
      ASSIGN(file_, files.create(path_));
    }
    std::string text;
    for (int64_t i = 0; i < batch.size(); ++i) text += fmt::format("{}\n", number_at(batch, i));
    rows_ += batch.size();
    return file_->append(as_bytes(text));
  }
  Result<> finish(OutputFiles&) override {
    if (!file_) return {};
    file_->set_rows(std::exchange(rows_, 0) - (world_.sink_miscounts ? 1 : 0));
    TRY(file_->close());
    file_.reset();
    return {};
  }

 private:
  World& world_;
  std::string path_;
  std::unique_ptr<OutputFile> file_;
  int64_t rows_ = 0;
};

class TableSink final : public StoreSink {
 public:
  explicit TableSink(World& world) : world_(world) {}
  Guarantee guarantee() const override { return Guarantee::exactly_once; }
  Result<Epoch> last_committed() override { return world_.table_epoch; }
  Result<std::vector<Refusal>> refuses(const Batch& batch) override {
    world_.asked += batch.size();
    std::vector<Refusal> refusals;
    for (int64_t i = 0; i < batch.size(); ++i) {
      if (number_at(batch, i) == 14) refusals.push_back({i, "unlucky", "n", "14", "the store takes no 14"});
    }
    return refusals;
  }
  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    const bool first_try = world_.fails_once && std::exchange(world_.failed, epoch) != epoch;
    if (first_try || world_.store_away-- > 0) return external_error("store", "is away");
    if (world_.at_work) world_.at_work(epoch);
    if (world_.table_epoch >= epoch) return segment.rows();
    Batch batch;
    int64_t rows = 0;
    for (;;) {
      ASSIGN(const bool more, segment.next(batch));
      if (!more) break;
      for (int64_t i = 0; i < batch.size(); ++i) world_.table.push_back(number_at(batch, i));
      rows += batch.size();
    }
    world_.table_epoch = epoch;
    return rows;
  }

 private:
  World& world_;
};

/// A store named as its spec.
inline SinkKind table_kind(const SpecInfo& spec, World& world) {
  SinkKind kind;
  kind.spec = &spec;
  kind.is_store = true;
  kind.bind = [&spec, &world](const SinkSettings&, const InputInfo&, const BindContext&,
                              Problems&) -> Result<BoundSink> {
    BoundSink bound;
    bound.store = std::make_shared<TableSink>(world);
    bound.target = spec.name;
    return bound;
  };
  return kind;
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("trommel-engine-{}-{}", ::getpid(),
                          ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    SourceKind source;
    source.spec = &numbers_;
    source.bind = [this](const Node&, const auto&, const BindContext& context,
                         Problems&) -> Result<std::shared_ptr<Source>> {
      return std::make_shared<NumberSource>(world_, context.memory.block);
    };
    components_.sources.push_back(source);
    TransformKind even;
    even.spec = &even_;
    even.bind = [this](const Node& settings, const auto&, const BindContext&, Problems&) -> Result<BoundTransform> {
      BoundTransform bound;
      bound.schema = number_schema();
      bound.shape = settings.scalar == "whole"      ? Shape::whole_input
                    : settings.scalar == "in_order" ? Shape::in_order
                                                    : Shape::row_by_row;
      const bool wait = settings.scalar == "whole";
      bound.make = [this, wait]() -> Result<std::unique_ptr<Transform>> {
        return std::make_unique<EvenTransform>(world_, wait);
      };
      return bound;
    };
    components_.transforms.push_back(even);
    SinkKind lines;
    lines.spec = &lines_;
    lines.bind = [this](const SinkSettings&, const InputInfo&, const BindContext& context,
                        Problems&) -> Result<BoundSink> {
      BoundSink bound;
      bound.files = std::make_shared<LineSink>(world_, context.folder + "/out/numbers.txt");
      bound.if_exists = IfExists::number;
      return bound;
    };
    components_.sinks.push_back(lines);
    components_.sinks.push_back(table_kind(table_, world_));
    pipeline_.name = "numbers";
    pipeline_.folder = folder_;
    pipeline_.settings.state = folder_ / "state";
    pipeline_.settings.lanes = 3;
    pipeline_.settings.block_bytes = 100;
    pipeline_.settings.max_rejects.rows = 1000;
    pipeline_.sources.push_back(part("in", "numbers", {}));
    pipeline_.transforms.push_back(part("even", "even", {"in"}));
    pipeline_.sinks.push_back(part("file", "lines", {"even"}));
    pipeline_.sinks.push_back(part("table", "table", {"even"}));
    pipeline_.sinks.back().store = "table:";
  }
  ~EngineTest() override { std::filesystem::remove_all(folder_); }

  static Part part(const std::string& name, const std::string& component, std::vector<std::string> from) {
    Part out;
    out.name = name;
    out.component = component;
    out.from = std::move(from);
    return out;
  }

  void shape(const std::string& text) {
    pipeline_.transforms[0].settings.kind = Node::Kind::scalar;
    pipeline_.transforms[0].settings.scalar = text;
  }

  Result<RunReport> run() {
    Problems problems;
    auto report = run_pipeline(pipeline_, components_, real_env(), options_, problems);
    EXPECT_EQ(problems.text(), "");
    return report;
  }

  std::vector<int64_t> written(const std::string& name = "numbers.txt") const {
    std::ifstream in(folder_ / "out" / name);
    std::vector<int64_t> numbers;
    for (int64_t number = 0; in >> number;) numbers.push_back(number);
    return numbers;
  }

  World world_;
  static SpecInfo spec(const std::string& name) {
    SpecInfo info;
    info.name = name;
    return info;
  }
  SpecInfo numbers_ = spec("numbers"), even_ = spec("even"), lines_ = spec("lines"), table_ = spec("table");
  Components components_;
  Pipeline pipeline_;
  RunOptions options_;
  std::filesystem::path folder_;
};

}  // namespace trommel
