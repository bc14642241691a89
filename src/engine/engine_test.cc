// The engine on components made for the purpose: lines of numbers in, lines of numbers out.
#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/json.h"
#include "base/virtual_clock.h"
#include "engine/backoff.h"
#include "engine/checkpoint.h"
#include "engine/run.h"

namespace trommel {
namespace {

using ::testing::HasSubstr;

Schema number_schema() { return arrow::schema({arrow::field("n", arrow::int64())}); }

Rows number_rows(const std::vector<int64_t>& numbers) {
  arrow::Int64Builder builder;
  TROMMEL_CHECK(builder.AppendValues(numbers).ok(), "append");
  return arrow::RecordBatch::Make(number_schema(), static_cast<int64_t>(numbers.size()), {*builder.Finish()});
}

int64_t number_at(const Batch& batch, int64_t row) {
  return static_cast<const arrow::Int64Array&>(*batch.rows->column(0)).Value(row);
}

/// What the source gives, and what goes wrong; shared with the test.
struct World {
  std::vector<int64_t> files{
      1000};                 ///< rows of each; row i of file f is f * 1,000,000 + i, written as text, one a line
  int64_t reject_every = 0;  ///< rows whose number divides by it are no numbers
  int64_t lose_row = -1;     ///< the decoder forgets this one: a planted miscount
  int64_t lose_in_transform = -1;
  bool sink_miscounts = false;
  std::atomic<int> store_away{0};  ///< how many commits fail before one goes through
  int misfits = 0;                 ///< how often the first block says that its types were guessed wrong
  std::vector<int64_t> table;      ///< the store's rows
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
      if (world_.reject_every > 0 && number % world_.reject_every == 0) {
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
  NumberReader(World& world, std::shared_ptr<const Split> split, int64_t block_bytes)
      : split_(std::move(split)), decoder_(std::make_shared<NumberDecoder>(world)), block_bytes_(block_bytes) {
    const int64_t file = std::stoll(split_->id);
    for (int64_t i = 0; i < world.files[static_cast<size_t>(file)]; ++i)
      text_ += fmt::format("{}\n", file * 1'000'000 + i);
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
  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position) override {
    return std::make_unique<NumberReader>(world_, std::move(split), block_bytes_);
  }
  Result<> durable(std::span<const Delivered>) override { return {}; }
  Schema schema() const override { return number_schema(); }
  bool guessed() const override { return true; }
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
    file_->set_rows(rows_ - (world_.sink_miscounts ? 1 : 0));
    return file_->close();
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
    std::vector<Refusal> refusals;
    for (int64_t i = 0; i < batch.size(); ++i) {
      if (number_at(batch, i) == 14) refusals.push_back({i, "unlucky", "n", "14", "the store takes no 14"});
    }
    return refusals;
  }
  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    if (world_.store_away-- > 0) return external_error("store", "is away");
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

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("trommel-engine-{}-{}", ::getpid(),
                          ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    SourceKind source{
        &numbers_,
        [this](const Node&, const auto&, const BindContext& context, Problems&) -> Result<std::shared_ptr<Source>> {
          return std::make_shared<NumberSource>(world_, context.memory.block);
        }};
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
    SinkKind table;
    table.spec = &table_;
    table.is_store = true;
    table.bind = [this](const SinkSettings&, const InputInfo&, const BindContext&, Problems&) -> Result<BoundSink> {
      BoundSink bound;
      bound.store = std::make_shared<TableSink>(world_);
      bound.target = "table";
      return bound;
    };
    components_.sinks.push_back(table);
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

TEST_F(EngineTest, EveryRowIsWrittenInOrderAndAccountedFor) {
  for (const char* how : {"row_by_row", "in_order", "whole"}) {
    for (const bool stepped : {false, true}) {
      SCOPED_TRACE(fmt::format("{} stepped={}", how, stepped));
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directories(folder_);
      world_.table.clear();
      world_.table_epoch = 0;
      shape(how);
      options_.stepped = stepped;
      options_.seed = 7;
      const auto report = run();
      ASSERT_TRUE(report) << report.error().text();
      std::vector<int64_t> want;
      for (int64_t i = 0; i < 1000; i += 2) want.push_back(i);
      EXPECT_EQ(written(), want);
      std::erase(want, 14);
      EXPECT_EQ(world_.table, want);
      const auto lines = report->balance.sinks();
      ASSERT_EQ(lines.size(), 2U);
      EXPECT_EQ(lines[0].read, 1000);
      EXPECT_EQ(lines[0].written, 500);
      EXPECT_EQ(lines[0].filtered, 500);
      EXPECT_EQ(lines[1].written, 499);
      EXPECT_EQ(lines[1].rejected, 1);
      EXPECT_TRUE(lines[0].balanced() && lines[1].balanced());
    }
  }
}

TEST_F(EngineTest, ManySteppedOrdersGiveTheSame) {
  world_.files = {50, 0, 70};
  options_.stepped = true;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    world_.table_epoch = 0;
    options_.seed = seed;
    pipeline_.settings.batch_rows = static_cast<int64_t>(seed % 4);
    pipeline_.settings.memory_bytes = 1 << 20;
    const auto report = run();
    ASSERT_TRUE(report) << report.error().text();
    const auto numbers = written();
    EXPECT_EQ(numbers.size(), 60U);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST_F(EngineTest, ASteppedRunIsTheSameEachTimeToTheMicrosecond) {
  options_.stepped = true;
  options_.seed = 11;
  std::vector<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    world_.table.clear();
    world_.table_epoch = 0;
    const auto env = virtual_clock_env(real_env(), 1'700'000'000'000'000);
    Problems problems;
    auto report = run_pipeline(pipeline_, components_, *env, options_, problems);
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->started_us, 1'700'000'000'000'001);
    report->cpu_us = report->peak_memory_bytes = 0;  // the machine's, not the clock's
    seen.push_back(report_json(*report));
  }
  EXPECT_EQ(seen[0], seen[1]);
}

TEST_F(EngineTest, PlantedMiscountsAreFound) {
  world_.lose_row = 77;
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("does not balance"));
  EXPECT_THAT(report.error().text(), HasSubstr("read 1000"));
  EXPECT_TRUE(written().empty());
  world_.lose_row = -1;
  world_.lose_in_transform = 78;
  report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("even: in 1000"));
  EXPECT_TRUE(written().empty());
  world_.lose_in_transform = -1;
  world_.sink_miscounts = true;
  report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("file: since epoch 1: read 1000 + expanded 0 is not written 499"));
  EXPECT_TRUE(written().empty());
}

TEST_F(EngineTest, PastTheBudgetNothingIsPublished) {
  world_.reject_every = 100;
  pipeline_.settings.max_rejects.rows = 10;  // ten at the source, one more at the store
  auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::refused);
  EXPECT_THAT(report->message, HasSubstr("11 of 1000 rows were rejected and max_rejects is 10"));
  EXPECT_THAT(report->message, HasSubstr("file-0 line 101: n: is no number"));
  EXPECT_THAT(report->message, HasSubstr("--max-rejects 11"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  EXPECT_TRUE(world_.table.empty());
  auto groups = group_rejects(real_env(), pipeline_.settings.state);
  ASSERT_TRUE(groups);
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_EQ(groups->front().rows, 10);
  EXPECT_FALSE(groups->front().example.published);

  pipeline_.settings.max_rejects.rows = 11;
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::published);
  EXPECT_EQ(written().size(), 490U);
  groups = group_rejects(real_env(), pipeline_.settings.state);
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_TRUE(groups->front().example.published);
  EXPECT_EQ(groups->front().example.line, 1);
  EXPECT_EQ(groups->front().example.raw, "0");
}

TEST_F(EngineTest, ASecondRunReadsOnlyWhatIsNew) {
  ASSERT_TRUE(run());
  auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::nothing_new);
  world_.files = {1000, 20};
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->epoch, 2U);
  EXPECT_EQ(written("numbers-2.txt").size(), 10U);
  EXPECT_EQ(world_.table.size(), 509U);
}

TEST_F(EngineTest, AStoreThatIsAwayForAMomentIsWaitedFor) {
  world_.store_away = 3;
  std::vector<std::string> said;
  options_.say = [&](const std::string& line) { said.push_back(line); };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->retries, 3);
  EXPECT_EQ(world_.table.size(), 499U);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_THAT(said[0], HasSubstr("table: store: is away; trying again"));
  EXPECT_THAT(said[1], HasSubstr("table is there again"));
}

TEST(BackoffTest, PausesDoubleAndTheTimeIsKept) {
  Backoff backoff(10'000'000, 1'000'000, 7);
  const Error away{Error::Domain::external, "store", "is away", "", true};
  int64_t now = 5'000'000, last_pause = 0;
  while (backoff.failed(now, away)) {
    const int64_t pause = backoff.next_us() - now;
    EXPECT_GT(pause, 0);
    EXPECT_LE(pause, 1'000'000);
    EXPECT_TRUE(backoff.pausing(now) && !backoff.pausing(backoff.next_us()));
    EXPECT_TRUE(backoff.tries() >= 6 || pause > last_pause);
    last_pause = pause;
    now = backoff.next_us();
  }
  EXPECT_EQ(now, 15'000'000);
  EXPECT_GT(backoff.tries(), 12);
  EXPECT_FALSE(Backoff(0, 1'000'000, 7).failed(1, away));
}

TEST_F(EngineTest, AStoreThatWasAwayGetsItsRowsOnce) {
  world_.store_away = 1;
  pipeline_.settings.retry.for_us = 0;
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(), HasSubstr("the next run writes them"));
  EXPECT_TRUE(world_.table.empty());
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_TRUE(report->recovered);
  EXPECT_EQ(world_.table.size(), 499U);
  EXPECT_EQ(written().size(), 500U);
  report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::nothing_new);
  EXPECT_EQ(world_.table.size(), 499U);
}

TEST_F(EngineTest, WrongGuessesStartTheRunAgain) {
  world_.misfits = 1;
  std::vector<std::string> said;
  options_.say = [&](const std::string& line) { said.push_back(line); };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(written().size(), 500U);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("starting again with wider types"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "out"), {}), 1);
}

TEST_F(EngineTest, StoppingPublishesNothing) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  stop.request_stop();
  const auto report = run();
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->outcome, RunReport::Outcome::stopped);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST(CheckpointTest, DamageIsFound) {
  Checkpoint checkpoint;
  checkpoint.pipeline = "p";
  checkpoint.epoch = 3;
  TakenInput input;
  input.split.source = "in";
  input.split.id = "a\nb";
  input.split.size = 17;
  checkpoint.taken.push_back(input);
  checkpoint.files.push_back({"s", "t", "f", 1, 2, "00"});
  const std::string text = checkpoint_text(checkpoint);
  const auto whole = parse_checkpoint(text, "x");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->taken[0].split.id, "a\nb");
  EXPECT_EQ(whole->files[0].rows, 2);
  for (size_t cut = 0; cut < text.size(); ++cut) EXPECT_FALSE(parse_checkpoint(text.substr(0, cut), "x")) << cut;
  for (size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(parse_checkpoint(damaged, "x")) << at;
  }
}

TEST(StateFolderTest, ALineTornByACrashDoesNotSwallowTheNext) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("trommel-torn-{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "taken.jsonl") << "{\"source\":\"in\",\"id\":\"1\"}\n{\"source\":\"in\",\"i";
  StateFolder state(real_env(), folder);
  Checkpoint checkpoint;
  checkpoint.epoch = 5;
  TakenInput input;
  input.split.source = "in";
  input.split.id = "2";
  checkpoint.taken.push_back(input);
  StateFolder::Taken marked;
  ASSERT_TRUE(state.append_taken(checkpoint, 0, marked));
  const auto taken = state.taken();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->last_epoch, 5U);
  EXPECT_THAT(taken->keys, ::testing::ElementsAre("in\n1", "in\n2"));
  std::filesystem::remove_all(folder);
}

TEST(RejectTest, AnyBytesComeBack) {
  Reject reject;
  reject.code = "encoding";
  reject.raw = std::string("a\xff\0b", 4);
  reject.value = "ü";
  reject.line = 5;
  const auto back = parse_reject(reject_line(reject), "x");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->raw, reject.raw);
  EXPECT_EQ(back->value, "ü");
  EXPECT_EQ(back->line, 5);
}

}  // namespace
}  // namespace trommel
