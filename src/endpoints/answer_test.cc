#include "endpoints/answer.h"

#include <random>

#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "base/json.h"
#include "endpoints/testing.h"
#include "fmt/format.h"
#include "gmock/gmock.h"

namespace trommel::endpoints {
namespace {

using server::Request;
using server::Response;
using testing::ElementsAre;
using testing::HasSubstr;

Request get(const std::string& target, const std::string& accept = "") {
  Request request;
  request.method = "GET";
  request.target = target;
  request.path = target.substr(0, target.find('?'));
  if (const auto at = target.find('?'); at != target.npos) request.query = *server::parse_query(target.substr(at + 1));
  if (!accept.empty()) request.headers.add("Accept", accept);
  return request;
}

class Answer : public testing::Test {
 protected:
  Answer()
      : store_(std::make_shared<MemoryStore>(
            "CREATE TABLE rounds (played TIMESTAMP, day DATE, game INTEGER, player VARCHAR, bet DOUBLE, price "
            "DECIMAL(9,2), id UUID);"
            "INSERT INTO rounds SELECT TIMESTAMP '2026-01-01' + to_hours(i::INTEGER), DATE '2026-01-01' + (i // "
            "24)::INTEGER, "
            "CASE WHEN i % 7 = 0 THEN NULL ELSE i % 3 END, 'p' || (i % 5), i / 4, i / 10, md5(i::VARCHAR)::UUID "
            "FROM range(72) t(i)")) {}

  BoundEndpoint endpoint(const std::string& settings) { return bind_text("/rounds:\n" + settings, store_).at(0); }

  static Json json(const Response& response) {
    auto parsed = parse_json(response.body, "answer");
    EXPECT_TRUE(parsed) << response.body;
    return parsed ? *parsed : Json();
  }

  static std::vector<std::string> column(const Response& response, const std::string& name) {
    std::vector<std::string> out;
    EXPECT_EQ(response.status, 200) << response.body;
    const Json body = json(response);
    for (const auto& row : body["data"]) out.push_back(row[name].dump());
    return out;
  }

  std::shared_ptr<MemoryStore> store_;
};

const char* const kPaged =
    "  sql: SELECT * FROM rounds\n"
    "  filters: { game: game =, player: player in, from: played >=, after: played >, until: played <, to: played <=, "
    "when: played =, never: \"played !=\", day: day =, price: price >= }\n"
    "  order_by: played\n  key: played\n  page: { number: page_num, size: page_size, default: 10, max: 50 }\n";

TEST_F(Answer, has_rows_a_total_and_the_pages_beside_it) {
  const auto rounds = endpoint(kPaged);
  const auto response = answer(rounds, get("/rounds?game=1&page_num=2&page_size=5"));
  const Json body = json(response);
  EXPECT_EQ(body["data"].size(), 5);
  EXPECT_EQ(body["total_results"], 20);
  EXPECT_EQ(body["pagination"]["next"], "/rounds?game=1&page_size=5&page_num=3");
  EXPECT_EQ(body["pagination"]["previous"], "/rounds?game=1&page_size=5&page_num=1");
  EXPECT_EQ(body["data"][0]["played"], "2026-01-01T19:00:00");
  EXPECT_EQ(body["data"][0]["price"], 1.9);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(response.headers.get("X-Total-Results"), "20");
  EXPECT_THAT(std::string(response.headers.get("Link")), HasSubstr("page_num=3>; rel=\"next\""));
  const Json last = json(answer(rounds, get("/rounds?game=1&page_num=4&page_size=5")));
  EXPECT_EQ(last["data"].size(), 5);
  EXPECT_TRUE(last["pagination"]["next"].is_null());
  EXPECT_TRUE(json(answer(rounds, get("/rounds")))["pagination"]["previous"].is_null());
}

TEST_F(Answer, leaves_out_filters_that_the_request_does_not_have) {
  const auto rounds = endpoint(kPaged);
  (void)answer(rounds, get("/rounds"));
  EXPECT_THAT(store_->asked.at(0), testing::Not(HasSubstr("WHERE")));
  EXPECT_EQ(json(answer(rounds, get("/rounds")))["total_results"], 72);
  EXPECT_EQ(json(answer(rounds, get("/rounds?player=p1&player=p2")))["total_results"], 29);
}

TEST_F(Answer, takes_a_date_alone_for_its_whole_day) {
  const auto rounds = endpoint(kPaged);
  const auto total = [&](const std::string& query) {
    return json(answer(rounds, get("/rounds?" + query)))["total_results"];
  };
  EXPECT_EQ(total("until=2026-01-01"), 24);
  EXPECT_EQ(total("to=2026-01-01"), 24);
  EXPECT_EQ(total("from=2026-01-02"), 48);
  EXPECT_EQ(total("after=2026-01-02"), 24);
  EXPECT_EQ(total("when=2026-01-02"), 24);
  EXPECT_EQ(total("never=2026-01-02"), 48);
  EXPECT_EQ(total("from=2026-01-02&until=2026-01-02"), 24);
  // A moment is a moment.
  EXPECT_EQ(total("until=2026-01-02T00:00:00"), 24);
  EXPECT_EQ(total("until=2026-01-01T02:00:00"), 2);
  EXPECT_EQ(total("to=2026-01-01%2002:00:00"), 3);
  EXPECT_EQ(total("to=2026-01-01T02:00:00Z"), 3);
  EXPECT_EQ(total("to=2026-01-01T02:00:00%2B01:00"), 2);
  EXPECT_EQ(total("day=2026-01-03"), 24);
  EXPECT_EQ(total("price=7.1"), 1);
}

TEST_F(Answer, names_every_parameter_that_is_wrong) {
  const auto rounds = endpoint(kPaged);
  const auto response = answer(
      rounds, get("/rounds?game=x&game_=1&from=2026-02-30&page_size=51&page_num=0&until=&when=1&when=2&price=1e999"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  const Json body = json(response);
  EXPECT_EQ(body["status"], 400);
  std::vector<std::string> names;
  for (const auto& error : body["errors"]) names.push_back(error["parameter"]);
  EXPECT_THAT(
      names, testing::UnorderedElementsAre("game", "from", "until", "when", "price", "page_size", "page_num", "game_"));
  EXPECT_THAT(response.body, HasSubstr("did you mean `game`?"));
  EXPECT_THAT(response.body,
              HasSubstr("it must be a date or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z, not `2026-02-30`"));
  EXPECT_THAT(response.body, HasSubstr("it must be a whole number from 1 to 50, not `51`"));
  EXPECT_TRUE(store_->asked.empty());
}

TEST_F(Answer, never_makes_sql_of_what_a_request_says) {
  const auto rounds = endpoint(kPaged);
  const std::string evil = "x'; DROP TABLE rounds; --";
  const auto response = answer(rounds, get("/rounds?player=x%27%3B%20DROP%20TABLE%20rounds%3B%20--"));
  EXPECT_EQ(json(response)["total_results"], 0);
  for (const auto& sql : store_->asked) EXPECT_THAT(sql, testing::Not(HasSubstr("DROP")));
  EXPECT_EQ(json(answer(rounds, get("/rounds")))["total_results"], 72);
}

TEST_F(Answer, has_parameters_that_stand_in_the_select) {
  const auto rounds = endpoint(
      "  sql: SELECT player, sum(bet) AS bets FROM rounds WHERE played >= $since AND ($game IS NULL OR game = $game) "
      "GROUP "
      "BY player\n"
      "  parameters: { since: { type: timestamp, default: 2026-01-02 00:00:00 }, game: int32 }\n  order_by: bets "
      "desc\n");
  EXPECT_THAT(column(answer(rounds, get("/rounds")), "player"),
              ElementsAre("\"p1\"", "\"p0\"", "\"p4\"", "\"p3\"", "\"p2\""));
  EXPECT_EQ(json(answer(rounds, get("/rounds?since=2026-01-03T23:00:00Z")))["total_results"], 1);
  EXPECT_EQ(json(answer(rounds, get("/rounds?since=2026-01-03T23:00:00Z&game=1")))["total_results"], 0);
  EXPECT_EQ(answer(rounds, get("/rounds?since=yesterday")).status, 400);
  const auto strict = endpoint("  sql: SELECT $n + 1 AS n\n  parameters: { n: { type: int64, required: true } }\n");
  EXPECT_THAT(answer(strict, get("/rounds")).body, HasSubstr("n: it is missing"));
  EXPECT_THAT(column(answer(strict, get("/rounds?n=41")), "n"), ElementsAre("42"));
}

TEST_F(Answer, refuses_more_rows_than_it_may_have) {
  const auto rounds = endpoint("  sql: SELECT * FROM rounds\n  filters: { game: game = }\n  max_rows: 71\n");
  const auto response = answer(rounds, get("/rounds"));
  EXPECT_EQ(response.status, 422);
  EXPECT_THAT(response.body, HasSubstr("there are more than 71 rows; narrow them by game"));
  EXPECT_EQ(answer(rounds, get("/rounds?game=1")).status, 200);
}

TEST_F(Answer, comes_in_the_format_that_is_wanted) {
  const auto rounds =
      endpoint("  sql: SELECT player, game FROM rounds WHERE bet < 1 AND game IS NOT NULL\n  order_by: game\n");
  EXPECT_EQ(answer(rounds, get("/rounds", "text/csv")).body, "player,game\r\np3,0\r\np1,1\r\np2,2\r\n");
  EXPECT_EQ(answer(rounds, get("/rounds", "application/x-ndjson")).body,
            "{\"player\":\"p3\",\"game\":0}\n{\"player\":\"p1\",\"game\":1}\n{\"player\":\"p2\",\"game\":2}\n");
  EXPECT_EQ(answer(rounds, get("/rounds", "application/vnd.apache.parquet")).body.substr(0, 4), "PAR1");
  const auto stream = answer(rounds, get("/rounds", "application/vnd.apache.arrow.stream;q=0.9, text/*;q=0.1"));
  const auto reader = arrow::ipc::RecordBatchStreamReader::Open(
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(stream.body)));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*(*reader)->ToTable())->num_rows(), 3);
  EXPECT_EQ(answer(rounds, get("/rounds", "image/png, */*;q=0")).status, 406);
  EXPECT_EQ(answer(rounds, get("/rounds", "text/html, */*;q=0.8")).headers.get("Content-Type"), "application/json");
  EXPECT_EQ(answer(rounds, get("/rounds", ";;,=q")).status, 200);
}

TEST_F(Answer, is_not_sent_again_to_who_has_it) {
  const auto rounds = endpoint(kPaged);
  auto request = get("/rounds?game=1");
  const auto first = answer(rounds, request);
  const std::string tag(first.headers.get("ETag"));
  EXPECT_THAT(tag, testing::StartsWith("W/\""));
  request.headers.add("If-None-Match", "\"other\", " + tag);
  const auto again = answer(rounds, request);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(again.headers.get("ETag"), tag);
  store_->version_text = "2";
  EXPECT_EQ(answer(rounds, request).status, 200);
  store_->version_text = "1";
  auto other = get("/rounds?game=2");
  other.headers.add("If-None-Match", tag);
  EXPECT_EQ(answer(rounds, other).status, 200);
}

TEST_F(Answer, says_what_the_store_did_not_do) {
  const auto rounds = endpoint(kPaged);
  store_->fails = external_error("store", "the question took longer than it may").value();
  EXPECT_EQ(answer(rounds, get("/rounds")).status, 503);
  store_->fails = data_error("store", "division by zero").value();
  EXPECT_EQ(answer(rounds, get("/rounds")).status, 400);
  store_->fails = internal_error("store", "a bug").value();
  EXPECT_EQ(answer(rounds, get("/rounds")).status, 500);
}

/// Follows the links of `pagination`; `between` is called after each page.
std::vector<std::string> walk(const BoundEndpoint& endpoint, std::string target, const char* direction,
                              const std::function<void()>& between = {}) {
  std::vector<std::string> out;
  for (int pages = 0; pages < 1000; ++pages) {
    const auto response = answer(endpoint, get(target));
    EXPECT_EQ(response.status, 200) << response.body;
    const auto body = parse_json(response.body, "");
    std::vector<std::string> page;
    for (const auto& row : (*body)["data"]) page.push_back(row.dump());
    if (std::string_view(direction) == "previous")
      out.insert(out.begin(), page.begin(), page.end());
    else
      out.insert(out.end(), page.begin(), page.end());
    const auto& link = (*body)["pagination"][direction];
    if (link.is_null()) return out;
    target = link.get<std::string>();
    if (between) between();
  }
  ADD_FAILURE() << "it never ends";
  return out;
}

TEST_F(Answer, pages_by_cursor_give_every_row_once_in_any_order_and_both_ways) {
  store_->run(
      "CREATE TABLE mixed AS SELECT CASE WHEN random() < 0.2 THEN NULL ELSE (random() * 3)::INTEGER END AS a, CASE "
      "WHEN "
      "random() < 0.2 THEN NULL ELSE round(random() * 3) / 3 END AS b, CASE WHEN random() < 0.2 THEN NULL ELSE "
      "TIMESTAMP "
      "'2026-01-01' + to_microseconds((random() * 4)::BIGINT * 333333) END AS t, i AS id FROM range(97) r(i)");
  for (const char* order : {"[a, b desc, t]", "[t desc, a desc, b]", "[b]"}) {
    const auto mixed = endpoint(
        fmt::format("  sql: SELECT a, b, t, id FROM mixed\n  order_by: {}\n  page: {{ default: 7 }}\n", order));
    const auto all = walk(mixed, "/rounds?page_size=1000", "next");
    ASSERT_EQ(all.size(), 97);
    EXPECT_EQ(walk(mixed, "/rounds", "next"), all) << order;
    EXPECT_EQ(walk(mixed, "/rounds?cursor=", "next"), all) << order;
    // To the end, then back.
    std::string target = "/rounds?cursor=", last;
    while (!target.empty()) {
      last = target;
      const auto body = parse_json(answer(mixed, get(target)).body, "");
      const auto& next = (*body)["pagination"]["next"];
      target = next.is_null() ? "" : next.get<std::string>();
    }
    EXPECT_EQ(walk(mixed, last, "previous"), all) << order;
  }
}

TEST_F(Answer, pages_by_cursor_stand_still_while_rows_come_in) {
  store_->run("CREATE TABLE growing AS SELECT i * 10 AS id FROM range(50) r(i)");
  const auto growing = endpoint("  sql: SELECT id FROM growing\n  order_by: id\n  page: { default: 4 }\n");
  int came = 0;
  const auto rows = walk(growing, "/rounds?cursor=", "next",
                         [&] { store_->run(fmt::format("INSERT INTO growing VALUES ({})", ++came)); });
  std::vector<std::string> wanted;
  for (int i = 0; i < 50; ++i) wanted.push_back(fmt::format("{{\"id\":{}}}", i * 10));
  EXPECT_EQ(rows, wanted);
}

TEST_F(Answer, refuses_cursors_that_it_did_not_hand_out) {
  const auto rounds = endpoint(kPaged);
  const Json body = json(answer(rounds, get("/rounds?cursor=")));
  const auto link = body["pagination"]["next"].get<std::string>();
  EXPECT_EQ(answer(rounds, get(link)).status, 200);
  const auto other = endpoint("  sql: SELECT player FROM rounds\n  page: {}\n");
  EXPECT_EQ(answer(other, get(link)).status, 400);
  for (const char* cursor : {"x", "W10", "bnVsbA", "%FF", "WyJhIl0"})
    EXPECT_THAT(answer(rounds, get(std::string("/rounds?cursor=") + cursor)).body,
                HasSubstr("\"parameter\":\"cursor\""))
        << cursor;
  EXPECT_THAT(answer(rounds, get(link + "&page_num=2")).body, HasSubstr("not by both"));
}

TEST_F(Answer, endpoints_are_bound_with_every_mistake) {
  std::string mistakes;
  (void)bind_text(
      "/a: { sql: SELCT 1 }\n"
      "/b: { sql: \"SELECT $x AS a\" }\n"
      "/c: { sql: \"SELECT 1 AS a\", parameters: { y: int64 }, filters: { f: aa = }, order_by: b, key: c }\n"
      "/d: { sql: \"SELECT [1] AS list\", filters: { f: list = }, parameters: { p: list<int64> } }\n",
      store_, &mistakes);
  EXPECT_THAT(mistakes, HasSubstr("p.yaml:1:12: endpoint `/a`: syntax error at or near \"SELCT\""));
  EXPECT_THAT(mistakes, HasSubstr("p.yaml:2:12: endpoint `/b`: there is no value for the parameter `$x`"));
  EXPECT_THAT(
      mistakes,
      HasSubstr("parameter `y` does not stand in the SELECT of `/c` (write $y there, or make it one of `filters`)"));
  EXPECT_THAT(mistakes, HasSubstr("`filters` of `/c`: the SELECT makes no column `aa` (it makes a)"));
  EXPECT_THAT(mistakes, HasSubstr("`order_by` of `/c`: the SELECT makes no column `b`"));
  EXPECT_THAT(mistakes, HasSubstr("`key` of `/c`: the SELECT makes no column `c`"));
  EXPECT_THAT(mistakes, HasSubstr("column `list` is a list<int32>, which a request cannot compare with"));
  EXPECT_THAT(mistakes, HasSubstr("parameter `p` of `/d`: a request cannot say values of type list<int64>"));
}

}  // namespace
}  // namespace trommel::endpoints
