// What is in a picture, read by an XML parser: its elements with their attributes and text.
#pragma once

#include <boost/property_tree/xml_parser.hpp>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "picture/svg.hpp"

namespace podium::picture {

using Element = boost::property_tree::ptree;

inline std::string attribute(const Element& element, const std::string& name) {
  return element.get<std::string>("<xmlattr>." + name, "");
}

// A place as a number; shares of a width as percents.
inline double number(const Element& element, const std::string& name) {
  return std::strtod(attribute(element, name).c_str(), nullptr);
}

inline void collect(const Element& tree, const std::string& name, std::vector<Element>* found) {
  for (const auto& [key, child] : tree) {
    if (key == name) found->push_back(child);
    if (key != "<xmlattr>") collect(child, name, found);
  }
}

// Throws what an XML parser throws at text that is no XML.
inline std::vector<Element> elements(const std::string& svg, const std::string& name) {
  std::istringstream stream(svg);
  Element tree;
  boost::property_tree::read_xml(stream, tree);
  std::vector<Element> found;
  collect(tree, name, &found);
  return found;
}

inline std::vector<Element> of_kind(const std::string& svg, const std::string& name,
                                    const std::string& kind) {
  std::vector<Element> found;
  for (const Element& element : elements(svg, name)) {
    if ((" " + attribute(element, "class") + " ").find(" " + kind + " ") != std::string::npos) {
      found.push_back(element);
    }
  }
  return found;
}

// All that stands in an element.
inline std::string text_of(const Element& element) {
  std::string text = element.data();
  for (const auto& [key, child] : element) {
    if (key != "<xmlattr>") text += text_of(child);
  }
  return text;
}

inline std::vector<std::string> texts(const std::string& svg) {
  std::vector<std::string> found;
  for (const Element& element : elements(svg, "text")) found.push_back(text_of(element));
  return found;
}

// The texts of a picture that are written over each other, "a | b". Shares of the width are of
// `width`.
inline std::vector<std::string> overlaps(const std::string& svg, double width) {
  struct Box {
    double left, right, baseline;
    std::string text;
  };
  std::vector<Box> boxes;
  for (const Element& element : elements(svg, "text")) {
    if (!attribute(element, "transform").empty()) continue;
    const std::string text = text_of(element);
    const std::string x = attribute(element, "x");
    double left = number(element, "x") * (x.ends_with('%') ? width / 100 : 1);
    const double wide = text_width(text) * 0.9;
    const std::string anchor = attribute(element, "text-anchor");
    if (anchor == "middle") left -= wide / 2;
    if (anchor == "end") left -= wide;
    boxes.push_back({left, left + wide, number(element, "y"), text});
  }
  std::vector<std::string> found;
  for (size_t i = 0; i < boxes.size(); ++i) {
    for (size_t k = i + 1; k < boxes.size(); ++k) {
      const Box& a = boxes[i];
      const Box& b = boxes[k];
      const bool apart = a.right <= b.left || b.right <= a.left || a.baseline + 10 <= b.baseline ||
                         b.baseline + 10 <= a.baseline;
      if (!apart) found.push_back(a.text + " | " + b.text);
    }
  }
  return found;
}

}  // namespace podium::picture
