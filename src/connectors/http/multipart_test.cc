#include "connectors/http/multipart.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <vector>

#include "connectors/http/testing.h"

namespace trommel {
namespace {

FormOutcome read(const std::string& form, const std::string& boundary, const std::vector<size_t>& cuts) {
  std::vector<std::string_view> pieces;
  std::string_view rest = form;
  for (const size_t cut : cuts) {
    const size_t at = form.size() - rest.size(), size = std::min(std::max(cut, at), form.size()) - at;
    pieces.push_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  pieces.push_back(rest);
  return read_form(pieces, boundary);
}

const char* const kForm =
    "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\nfirst\r\n-\r\n--\r\n"
    "--b \t\r\ncontent-type: text/csv\r\nContent-Disposition: form-data; name=two; filename=\"a;\\\"b.csv\"\r\n\r\n"
    "id,name\r\n1,x\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b--\r\nepilogue";
const char* const kHeld = "[one|-|]first\r\n-\r\n--[end][two|a;\"b.csv|text/csv]id,name\r\n1,x\r\n[end][empty|-|][end]";

TEST(Multipart, ReadsAForm) { EXPECT_EQ(read(kForm, "b", {}), (FormOutcome{kHeld, ""})); }

TEST(Multipart, ReadsItHoweverItIsCut) {
  const std::string form = kForm;
  for (size_t one = 0; one <= form.size(); ++one) {
    for (size_t two = one; two <= form.size(); ++two)
      ASSERT_EQ(read(form, "b", {one, two}).text, kHeld) << one << " " << two;
  }
  std::vector<size_t> all;
  for (size_t i = 1; i < form.size(); ++i) all.push_back(i);
  EXPECT_EQ(read(form, "b", all), (FormOutcome{kHeld, ""}));
}

TEST(Multipart, AFormThatIsCutOffIsBroken) {
  const std::string form = kForm;
  const size_t closing = form.find("--b--") + 5;
  for (size_t length = 0; length < closing; ++length)
    EXPECT_THAT(read(form.substr(0, length), "b", {}).error, testing::HasSubstr("cut off")) << length;
  EXPECT_EQ(read(form.substr(0, closing), "b", {}).error, "");
}

TEST(Multipart, SaysWhatIsBroken) {
  const auto error = [](const std::string& form) { return read(form, "b", {}).error; };
  EXPECT_THAT(error("--bx\r\n\r\n"), testing::HasSubstr("something else than a line end"));
  EXPECT_THAT(error("--b\r\nX: y\r\n\r\n"), testing::HasSubstr("no Content-Disposition"));
  EXPECT_THAT(error("--b\r\nnonsense\r\n\r\n"), testing::HasSubstr("without a colon"));
  EXPECT_THAT(error("--b\r\nContent-Disposition: attachment; name=x\r\n\r\n"), testing::HasSubstr("no form-data"));
  EXPECT_THAT(error("--b\r\nContent-Disposition: form-data\r\n\r\n"), testing::HasSubstr("no name"));
  EXPECT_THAT(error("--b\r\nX: " + std::string(20'000, 'y')), testing::HasSubstr("longer than"));
  EXPECT_THAT(error("--b" + std::string(2'000, ' ')), testing::HasSubstr("too many blanks"));
  std::string many;
  for (int i = 0; i < 1'001; ++i) many += "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n";
  EXPECT_THAT(error(many), testing::HasSubstr("more than 1000 parts"));
}

TEST(Multipart, AnErrorOfWhoTakesItEndsIt) {
  FormNotes notes;
  notes.refuse = "first";
  FormReader reader("b", notes);
  EXPECT_EQ(reader.feed(kForm).error().what, "refused");
}

TEST(Multipart, KnowsBoundaries) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(form_boundary("Multipart/Form-Data; charset=x; Boundary=\"a b:c\""), "a b:c");
  EXPECT_FALSE(form_boundary("multipart/mixed; boundary=abc"));
  EXPECT_FALSE(form_boundary("multipart/form-data"));
  EXPECT_FALSE(form_boundary("multipart/form-data; boundary=\"a\r\nb\""));
  EXPECT_FALSE(form_boundary("multipart/form-data; boundary=" + std::string(71, 'x')));
}

/// Data made of what boundaries are made of, so that nearly-boundaries are common.
std::string tricky(const std::string& boundary) {
  const std::vector<std::string> pieces = {
      "\r\n", "\r", "\n", "--", "-", boundary, boundary.substr(0, 1), "x", "\r\n-", std::string(300, 'y')};
  std::string data;
  for (const int piece : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, static_cast<int>(pieces.size()))))
    data += pieces[static_cast<size_t>(piece)];
  return data;
}

TEST(Multipart, AnyDataComesBackHoweverItIsCut) {
  const auto holds = rc::check([] {
    const std::string boundary =
        *rc::gen::element<std::string>("b", "--b", "aab", "----WebKitFormBoundary7MA4YWxkTrZu0gW");
    std::string form, held;
    for (int part = *rc::gen::inRange(0, 4); part > 0; --part) {
      const std::string data = tricky(boundary);
      RC_PRE(("\r\n" + data + "\r\n").find("\r\n--" + boundary) == std::string::npos);
      form += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n" + data + "\r\n";
      held += "[f|-|]" + data + "[end]";
    }
    form += "--" + boundary + "--";
    auto cuts = *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, form.size() + 1));
    std::sort(cuts.begin(), cuts.end());
    RC_ASSERT(read(form, boundary, cuts) == (FormOutcome{held, ""}));
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace trommel
