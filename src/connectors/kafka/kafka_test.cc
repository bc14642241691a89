#include "connectors/kafka/kafka.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "arrow/api.h"
#include "codecs/csv/csv.h"
#include "codecs/json/json.h"
#include "codecs/raw/raw.h"
#include "component/promises.h"
#include "config/pipeline.h"
#include "connectors/kafka/embedded_topic.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "segment/segment_file.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Batch bets(int64_t from, int64_t count) {
  arrow::Int64Builder id;
  arrow::StringBuilder user;
  for (int64_t i = from; i < from + count; ++i) {
    EXPECT_TRUE(id.Append(i).ok());
    EXPECT_TRUE(i % 4 == 3 ? user.AppendNull().ok() : user.Append(fmt::format("user {}", i % 7)).ok());
  }
  const auto schema = arrow::schema({arrow::field("id", arrow::int64()), arrow::field("user", arrow::utf8())});
  return {arrow::RecordBatch::Make(schema, count, {*id.Finish(), *user.Finish()}), {}, nullptr};
}

class EmbeddedTopics : public testing::Test {
 protected:
  EmbeddedTopics() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("trommel_topic_{}", ::getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ContractColumn id, user;
    id.name = "id";
    id.type = arrow::int64();
    user.name = "user";
    user.type = arrow::utf8();
    contract_.emplace();
    contract_->columns = {id, user};
  }
  ~EmbeddedTopics() override { std::filesystem::remove_all(folder_); }

  BindContext context(int64_t block = 1 << 20) {
    BindContext out;
    out.env = &real_env();
    out.name = "bets";
    out.pipeline = "p";
    out.folder = folder_;
    out.state_folder = folder_ / "state";
    out.memory.block = block;
    return out;
  }
  Node parsed(const std::string& yaml) {
    Problems problems;
    auto node = parse_yaml(yaml, "test.yaml", [](const std::string&) { return std::nullopt; }, problems);
    EXPECT_TRUE(problems.empty()) << problems.text();
    return node;
  }
  Result<std::shared_ptr<Source>> source(const std::string& yaml = "{ topics: bets, value: json }",
                                         int64_t block = 1 << 20) {
    Problems problems;
    auto made = kafka_source({json_messages(), csv_messages(), raw_messages()})
                    .bind(parsed(yaml), contract_, context(block), problems);
    EXPECT_TRUE(problems.empty()) << problems.text();
    return made;
  }
  std::shared_ptr<StoreSink> sink(const std::string& name = "out",
                                  const std::string& yaml = "{ topic: bets, value: json, key: id }") {
    Problems problems;
    const Node node = parsed(yaml);
    const InputInfo input{.name = "in", .schema = bets(0, 1).rows->schema()};
    const auto made = kafka_sink({json_messages(), csv_messages(), raw_messages()})
                          .bind({name, "p", &node, "", std::nullopt}, input, context(), problems);
    EXPECT_TRUE(made && problems.empty()) << problems.text();
    return made->store;
  }
  void send(Epoch epoch, std::vector<Batch> batches) {
    const auto out = sink();
    GivenSegment segment(*spooled_for(*out, batches));
    const auto sent = out->commit(epoch, segment);
    ASSERT_TRUE(sent) << sent.error().text();
  }
  kafka::EmbeddedTopic topic(kafka::Retention retention = {}) {
    return {real_env(), folder_ / ".trommel/topics/bets", retention};
  }
  /// What lies in the topic's files, `OFFSET KEY VALUE` each.
  std::vector<std::string> messages() {
    std::vector<std::string> out;
    const auto all = topic().files();
    EXPECT_TRUE(all);
    for (const auto& file : *all) {
      const auto segment = topic().open(file);
      EXPECT_TRUE(segment) << segment.error().text();
      int64_t offset = file.first;
      for (Batch batch; *(*segment)->next(batch);) {
        const auto& keys = static_cast<const arrow::BinaryArray&>(*batch.rows->column(0));
        const auto& values = static_cast<const arrow::BinaryArray&>(*batch.rows->column(1));
        for (int64_t row = 0; row < batch.size(); ++row)
          out.push_back(fmt::format("{} {} {}", offset++, keys.GetView(row), values.GetView(row)));
      }
    }
    return out;
  }

  std::filesystem::path folder_;
  std::optional<Contract> contract_;
};

TEST_F(EmbeddedTopics, ASinkKeepsItsPromises) {
  const StoreTrial trial{[this] { return sink(); },
                         [this] { return messages(); },
                         {{bets(0, 3), bets(3, 5)}, {bets(8, 1)}, {bets(9, 70'000)}},
                         [](size_t epochs) {
                           std::vector<std::string> out;
                           const int64_t rows[] = {0, 8, 9, 70'009};
                           for (int64_t i = 0; i < rows[epochs]; ++i) {
                             const std::string user = i % 4 == 3 ? "null" : fmt::format("\"user {}\"", i % 7);
                             out.push_back(fmt::format("{} {} {{\"id\":{},\"user\":{}}}", i, i, i, user));
                           }
                           return out;
                         }};
  EXPECT_THAT(broken_store_sink_promises(trial), IsEmpty());
}

TEST_F(EmbeddedTopics, ASourceKeepsItsPromises) {
  send(1, {bets(0, 5)});
  send(2, {bets(5, 40'000)});
  send(3, {bets(7, 1)});
  const auto broken = broken_source_promises(
      [this](int64_t block) { return source("{ topics: bets, value: json }", block); }, {100, 4'000, 1 << 20});
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(EmbeddedTopics, AMessageThatCannotBeReadIsARejectAtItsOffset) {
  Problems problems;
  const Node node = parsed("{ topic: bets, value: raw, column: user }");
  const auto raw = kafka_sink({raw_messages()})
                       .bind({"raw", "p", &node, "", std::nullopt}, {.name = "in", .schema = bets(0, 1).rows->schema()},
                             context(), problems);
  ASSERT_TRUE(raw && problems.empty()) << problems.text();
  arrow::Int64Builder id;
  arrow::StringBuilder text;
  ASSERT_TRUE(id.AppendValues({1, 2, 3}).ok());
  ASSERT_TRUE(text.AppendValues({R"({"id":1})", R"({"id":1)", R"({"id":3})"}).ok());
  const Batch batch = {
      arrow::RecordBatch::Make(bets(0, 1).rows->schema(), 3, {*id.Finish(), *text.Finish()}), {}, nullptr};
  GivenSegment segment(*spooled_for(*raw->store, {batch}));
  ASSERT_TRUE(raw->store->commit(1, segment));
  KeepingOutlet outlet;
  const auto made = source();
  ASSERT_TRUE(read_all(**made, outlet));
  EXPECT_THAT(outlet.rejects, ElementsAre(HasSubstr("json")));
  ASSERT_EQ(outlet.rows.size(), 2U);
  EXPECT_EQ(outlet.rows[1].position, 2);
}

TEST_F(EmbeddedTopics, ARunGoesOnWhereTheLastOneWasDelivered) {
  send(1, {bets(0, 10)});
  const auto first = *source();
  const std::vector<Split> splits = *first->discover();
  ASSERT_EQ(splits.size(), 1U);
  // Not delivered: the next run gives out the same, whatever came in meanwhile.
  send(2, {bets(10, 5)});
  EXPECT_EQ((*source())->discover()->front().id, splits.front().id);
  const Delivered delivered{splits.front(), -1, true, Delivered::How::taken, {}, 0, {}};
  const auto second = *source();
  const auto again = *second->discover();
  EXPECT_EQ(again.front().facts, "15");
  ASSERT_TRUE(second->durable({&delivered, 1}));  // of an epoch that the first one had saved
  KeepingOutlet outlet;
  ASSERT_TRUE(read_all(*second, outlet));
  EXPECT_EQ(outlet.rows.size(), 5U);
  EXPECT_EQ(outlet.rows.front().position, 10);
}

TEST_F(EmbeddedTopics, WhatEveryReaderHasTakenGoesAndTheRestIsWaitedFor) {
  const auto small = topic({0, 1});
  send(1, {bets(0, 10)});
  const auto reader = *source();
  const std::vector<Split> splits = *reader->discover();
  const auto cramped = sink("out", "{ topic: bets, value: json, retention: { max_size: 1 } }");
  GivenSegment segment(*spooled_for(*cramped, {bets(0, 10)}));
  const auto refused = cramped->commit(2, segment);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().retry);
  EXPECT_THAT(refused.error().text(), HasSubstr("full"));
  send(2, {bets(10, 10)});
  EXPECT_EQ(topic().files()->size(), 2U);
  const Delivered delivered{splits.front(), -1, true, Delivered::How::taken, {}, 0, {}};
  ASSERT_TRUE(reader->durable({&delivered, 1}));
  EXPECT_THAT(*topic().files(), testing::SizeIs(1));  // the first is gone
  EXPECT_EQ(topic().files()->front().first, 10);
  EXPECT_EQ(*sink()->last_committed(), 2U);
}

TEST_F(EmbeddedTopics, ADamagedFileIsToldAndNoneOfItIsRead) {
  send(1, {bets(0, 100)});
  const std::string path = topic().files()->front().path;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
  file.put('\xff');
  file.close();
  KeepingOutlet outlet;
  const auto read = read_all(**source(), outlet);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text(), HasSubstr("is damaged"));
  EXPECT_EQ(outlet.rows.size(), 0U);
}

TEST_F(EmbeddedTopics, AFileThatIsMissingIsToldAndNotPassedOver) {
  for (Epoch epoch = 1; epoch <= 3; ++epoch) send(epoch, {bets(0, 10)});
  std::filesystem::remove(topic().files()->at(1).path);
  KeepingOutlet outlet;
  const auto read = read_all(**source(), outlet);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text(), HasSubstr("from offset 10 on are gone"));
}

TEST_F(EmbeddedTopics, AStretchThatWasCutDoesNotWaitForMore) {
  send(1, {bets(0, 10)});
  const auto reading = *source();
  ASSERT_TRUE(reading->discover());
  EXPECT_FALSE(reading->urgent());
  send(2, {bets(10, 200'000)});
  const auto later = *source();
  ASSERT_TRUE(later->discover());
  EXPECT_TRUE(later->urgent());
}

TEST_F(EmbeddedTopics, ALookTakesNothingAndLagIsKnown) {
  send(1, {bets(0, 10)});
  const auto looking = *source();
  const auto splits = *looking->peek();
  ASSERT_EQ(splits.size(), 1U);
  EXPECT_TRUE((*looking->open(std::make_shared<Split>(splits.front()), 0))->read()->block);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "state"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".trommel/topics/bets/readers/p.bets.json"));
  EXPECT_THAT(looking->lag(), IsEmpty());
  const auto reading = *source();
  const auto given = *reading->discover();
  EXPECT_THAT(reading->lag(), ElementsAre(Lag{"bets/0", 10, 0}));
  KeepingOutlet outlet;
  ASSERT_TRUE(read_all(*reading, outlet));
  ASSERT_TRUE(reading->discover());
  ASSERT_EQ(reading->lag().size(), 1U);
  EXPECT_EQ(reading->lag().front().rows, 10);  // read, and not safe yet
  EXPECT_LT(std::abs(reading->lag().front().since_us - real_env().now_us()), 60'000'000);
  const Delivered delivered{given.front(), -1, true, Delivered::How::taken, {}, 0, {}};
  ASSERT_TRUE(reading->durable({&delivered, 1}));
  ASSERT_TRUE(reading->discover());
  EXPECT_THAT(reading->lag(), ElementsAre(Lag{"bets/0", 0, 0}));
}

/// Keeps what goes to dead letters, as the engine does.
class LetterOutlet : public KeepingOutlet {
 public:
  using KeepingOutlet::reject;
  void reject(const Block& block, std::span<const RawRefusal> refusals) override {
    KeepingOutlet::reject(block, refusals);
    for (const RawRefusal& refusal : refusals) letters.push_back(block.decoder->dead_letter(block, refusal));
  }
  std::vector<Rows> letters;
};

TEST_F(EmbeddedTopics, WhatCannotBeReadIsADeadLetterAsItCame) {
  arrow::StringBuilder text, key;
  ASSERT_TRUE(text.AppendValues({R"({"id":1})", R"({"id":1)", "not at all"}).ok());
  ASSERT_TRUE(key.AppendValues({"a", "b"}).ok() && key.AppendNull().ok());
  const auto schema = arrow::schema({arrow::field("id", arrow::utf8()), arrow::field("user", arrow::utf8())});
  Problems problems;
  const Node node = parsed("{ topic: bets, value: raw, column: user, key: id, headers: { from: id } }");
  const auto raw =
      kafka_sink({raw_messages()})
          .bind({"raw", "p", &node, "", std::nullopt}, {.name = "in", .schema = schema}, context(), problems);
  ASSERT_TRUE(raw && problems.empty()) << problems.text();
  GivenSegment segment(
      *spooled_for(*raw->store, {{arrow::RecordBatch::Make(schema, 3, {*key.Finish(), *text.Finish()}), {}, nullptr}}));
  ASSERT_TRUE(raw->store->commit(1, segment));
  const auto made = *source("{ topics: bets, value: json, dead_letter_topic: dead }");
  LetterOutlet outlet;
  ASSERT_TRUE(read_all(*made, outlet));
  EXPECT_EQ(outlet.rows.size(), 1U);
  ASSERT_EQ(outlet.letters.size(), 2U);
  const auto letters = made->dead_letters();
  ASSERT_TRUE(letters);
  GivenSegment dead(outlet.letters);
  ASSERT_TRUE(letters->store->commit(1, dead));
  GivenSegment again(outlet.letters);
  ASSERT_TRUE(letters->store->commit(1, again));
  const kafka::EmbeddedTopic topic{real_env(), folder_ / ".trommel/topics/dead", {}};
  ASSERT_THAT(*topic.files(), testing::SizeIs(1));
  Batch all;
  ASSERT_TRUE(*(*topic.open(topic.files()->front()))->next(all));
  const std::vector<std::string> rows = rows_as_text(*all.rows);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_THAT(rows[0], testing::AllOf(HasSubstr("trommel.offset"), HasSubstr("trommel.reason"), HasSubstr("from")));
  const auto& values = static_cast<const arrow::BinaryArray&>(*all.rows->column(1));
  EXPECT_EQ(values.GetView(0), R"({"id":1)");
  EXPECT_EQ(values.GetView(1), "not at all");
  const auto& keys = static_cast<const arrow::BinaryArray&>(*all.rows->column(0));
  EXPECT_EQ(keys.GetView(0), "b");
  EXPECT_TRUE(keys.IsNull(1));
}

TEST_F(EmbeddedTopics, DeadLettersDoNotComeBackToTheirSource) {
  for (const char* yaml : {"{ topics: bets, value: json, dead_letter_topic: bets }",
                           "{ topics: ^b, value: json, dead_letter_topic: bets }"}) {
    Problems problems;
    const auto made = kafka_source({json_messages()}).bind(parsed(yaml), contract_, context(), problems);
    EXPECT_THAT(problems.text(), HasSubstr("is read by this source"));
  }
}

TEST_F(EmbeddedTopics, ARowThatCannotBeAMessageIsRefusedBeforeItsEpochIsClosed) {
  Problems problems;
  const Node node = parsed("{ topic: bets, value: raw, column: user, key: id }");
  const auto made = kafka_sink({raw_messages()})
                        .bind({"raw", "p", &node, "", std::nullopt},
                              {.name = "in", .schema = bets(0, 1).rows->schema()}, context(), problems);
  ASSERT_TRUE(made && problems.empty()) << problems.text();
  const auto spooled = made->store->spool(bets(0, 8));  // every fourth has no user
  ASSERT_TRUE(spooled) << spooled.error().text();
  ASSERT_EQ(spooled->refusals.size(), 2U);
  EXPECT_EQ(spooled->refusals[0].row, 3);
  EXPECT_EQ(spooled->refusals[1].row, 7);
  EXPECT_THAT(rows_as_text(*spooled->rows), testing::SizeIs(6));
  EXPECT_EQ(static_cast<const arrow::BinaryArray&>(*spooled->rows->GetColumnByName("key")).GetView(3), "4");
}

TEST_F(EmbeddedTopics, SeveralWritersShareATopic) {
  for (Epoch epoch = 1; epoch <= 2; ++epoch) {
    for (const char* name : {"a", "b"}) {
      for (int again = 0; again < 2; ++again) {
        const auto out = sink(name);
        GivenSegment segment(*spooled_for(*out, {bets(0, 3)}));
        EXPECT_EQ(*out->commit(epoch, segment), 3);
      }
    }
  }
  EXPECT_EQ(messages().size(), 12U);
  EXPECT_EQ(*sink("a")->last_committed(), 2U);
}

}  // namespace
}  // namespace trommel
