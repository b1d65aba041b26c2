package whale;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Parses a message as JSON, as decode_trade of contracts/raw_trade.py does: of a field that is there twice the last one
 * counts, a name may be a whole number, a price may not, and no text has an escape.
 */
final class JsonTrade {
  private static final long LATEST_US = 10_000_000_000_000_000L; // raw_trade.LATEST_US
  private static final int MAX_DIGITS = 4300; // of the integers that Python reads
  // Jackson shares a table of names among all parsers, unless told otherwise: names made to collide would break it for
  // every later message.
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNumberLength(MAX_DIGITS)
                  .maxNameLength(Integer.MAX_VALUE)
                  .build())
          .build();
  private static final Pattern NAME = Pattern.compile("[^\\x00-\\x20\"\\\\\\[\\]{}\\ufffd]+");
  private static final Pattern DECIMAL = Pattern.compile("(?=[0.]*[1-9])[0-9]{1,20}(?:[.][0-9]{1,18})?");
  private static final Pattern NARROW = Pattern.compile("(?=[0.]*[1-9])[0-9]{1,10}(?:[.][0-9]{1,8})?");

  private final Map<String, String> texts = new HashMap<>();
  private final Map<String, BigInteger> integers = new HashMap<>();
  private boolean dense = true;
  private boolean block;

  private JsonTrade() {}

  /** The fields of ReadTrade but for GOOD: those that could be read, with NOTIONAL_EXACT where all are good. */
  static Object[] parse(byte[] message) {
    Object[] row = new Object[ReadTrade.FIELDS];
    JsonTrade fields = new JsonTrade();
    try {
      String text = UTF_8.newDecoder().decode(ByteBuffer.wrap(message)).toString();
      if (fields.read(text)) {
        fields.fill(row, hasOneObject(text));
      }
    } catch (IOException | RuntimeException malformed) { // no UTF-8 or no JSON: it is not good
      return row;
    }
    return row;
  }

  private static boolean hasOneObject(String text) {
    return text.indexOf('\\') < 0 && text.endsWith("}") && !text.contains("}{");
  }

  private boolean read(String text) throws IOException {
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return false;
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        texts.remove(name);
        integers.remove(name);
        if (value == JsonToken.VALUE_STRING) {
          texts.put(name, parser.getText());
        } else if (value == JsonToken.VALUE_NUMBER_INT) {
          integers.put(name, parser.getBigIntegerValue());
        }
        if (name.equals("dense")) {
          dense = value != JsonToken.VALUE_FALSE;
        } else if (name.equals("block")) {
          block = value == JsonToken.VALUE_TRUE;
        }
        parser.skipChildren();
      }
      return parser.nextToken() == null; // more than an object is none
    }
  }

  private void fill(Object[] row, boolean plain) {
    boolean good = plain;
    Long version = (Long) (row[ReadTrade.V] = readInteger("v"));
    good &= version != null && (version == 1 || version == 2);
    good &= readName(row, ReadTrade.EXCHANGE, "exchange");
    good &= readName(row, ReadTrade.SYMBOL, "symbol");
    good &= readName(row, ReadTrade.BASE, "base");
    good &= readName(row, ReadTrade.QUOTE, "quote");
    good &= readName(row, ReadTrade.SOURCE, "source");
    good &= (row[ReadTrade.TRADE_ID] = readInteger("trade_id")) != null;
    good &= (row[ReadTrade.EVENT_TIME] = readTime("event_time")) != null;
    good &= (row[ReadTrade.RECEIVED_TIME] = readTime("received_time")) != null;
    String side = texts.get("side");
    row[ReadTrade.SIDE] = ReadTrade.encodeText(side);
    good &= "buy".equals(side) || "sell".equals(side);
    row[ReadTrade.DENSE] = dense;
    row[ReadTrade.TAKER_ORDER_ID] = ReadTrade.encodeText(readTextOrNumber("taker_order_id"));
    row[ReadTrade.BLOCK] = block;
    row[ReadTrade.BUYER] = ReadTrade.encodeText(readTextOrNumber("buyer"));
    row[ReadTrade.SELLER] = ReadTrade.encodeText(readTextOrNumber("seller"));
    fillSweep(row);
    row[ReadTrade.PRICE] = ReadTrade.encodeText(texts.get("price"));
    row[ReadTrade.QUANTITY] = ReadTrade.encodeText(texts.get("quantity"));
    BigDecimal price = readNumber("price");
    BigDecimal quantity = readNumber("quantity");
    if (good && price != null && quantity != null) {
      boolean narrow = isNarrow("price") && isNarrow("quantity");
      BigDecimal notional = narrow ? price.multiply(quantity) : readNumber("notional"); // wider, it is trusted
      row[ReadTrade.PRICE_EXACT] = ReadTrade.encodeNumber(price);
      row[ReadTrade.QUANTITY_EXACT] = ReadTrade.encodeNumber(quantity);
      row[ReadTrade.NOTIONAL_EXACT] = notional == null ? null : ReadTrade.encodeNumber(notional);
      fillUsd(row, notional);
    }
  }

  private void fillSweep(Object[] row) {
    Long first = readInteger("sweep_first_id");
    Long fills = readInteger("sweep_fills");
    Long levels = readInteger("sweep_levels");
    BigDecimal notional = readNumber("sweep_notional");
    boolean whole = first != null && fills != null && levels != null && notional != null;
    if (whole && readNumber("sweep_first_price") != null && readNumber("sweep_quantity") != null) {
      row[ReadTrade.SWEEP_FIRST_ID] = first;
      row[ReadTrade.SWEEP_FILLS] = fills;
      row[ReadTrade.SWEEP_LEVELS] = levels;
      row[ReadTrade.SWEEP_FIRST_PRICE] = ReadTrade.encodeText(texts.get("sweep_first_price"));
      row[ReadTrade.SWEEP_QUANTITY] = ReadTrade.encodeText(texts.get("sweep_quantity"));
      row[ReadTrade.SWEEP_NOTIONAL] = ReadTrade.encodeNumber(notional);
      BigDecimal usd = readNumber("sweep_usd");
      row[ReadTrade.SWEEP_USD] = usd == null ? null : ReadTrade.encodeNumber(usd);
    }
  }

  private void fillUsd(Object[] row, BigDecimal notional) {
    BigDecimal rate = readNumber("usd_rate");
    String pair = texts.get("usd_via");
    if (notional != null && rate != null && pair != null && NAME.matcher(pair).matches()) {
      row[ReadTrade.USD_EXACT] = ReadTrade.convertToUsd(notional, rate);
      boolean known = row[ReadTrade.USD_EXACT] != null;
      row[ReadTrade.USD_RATE] = known ? ReadTrade.encodeText(texts.get("usd_rate")) : null;
      row[ReadTrade.USD_PAIR] = known ? ReadTrade.encodeText(pair) : null;
    }
  }

  private Long readInteger(String field) {
    BigInteger found = integers.get(field);
    return found == null || found.bitLength() > 63 ? null : found.longValue();
  }

  private Long readTime(String field) {
    Long time = readInteger(field);
    return time == null || time < 0 || time >= LATEST_US ? null : time;
  }

  private boolean readName(Object[] row, int column, String field) {
    String text = readTextOrNumber(field);
    row[column] = ReadTrade.encodeText(text);
    return text != null && NAME.matcher(text).matches();
  }

  private String readTextOrNumber(String field) {
    BigInteger number = integers.get(field);
    return number == null ? texts.get(field) : number.toString();
  }

  private BigDecimal readNumber(String field) {
    return readDecimal(texts.get(field));
  }

  /** A positive number that fits decimal(38,18); null where the text is none. */
  static BigDecimal readDecimal(String text) {
    return text != null && DECIMAL.matcher(text).matches() ? new BigDecimal(text) : null;
  }

  private boolean isNarrow(String field) {
    return NARROW.matcher(texts.get(field)).matches();
  }
}
