"""A few sentences in each of fourteen languages, with what is typical of their writing.

Written for these tests. The English side is what they mean, more or less.
"""

TEXTS: dict[str, list[tuple[str, str]]] = {
    "ar": [
        ("The teacher said: “Did you read the book?”", "قال المعلّمُ: «هل قرأتم الكتابَ؟»"),
        ("Peace be upon you, how are you?", "الســلام عليكم، كيف الحال؟"),
        ("They number 123,456; that is 7.5%.", "عددهم ١٢٣٬٤٥٦؛ أي ٧٫٥٪."),
    ],
    "fa": [
        ("I go home; I bring the books.", "به خانه می\u200cروم؛ کتاب\u200cها را می\u200cآورم."),
        ("Have you written a letter?", "آیا نامه\u200cای نوشته\u200cاید؟"),
        ("In 1403 the price was 250,000.", "سال ۱۴۰۳ قیمت ۲۵۰٬۰۰۰ بود."),
    ],
    "he": [
        ("Peace, how are you?", "שָׁלוֹם, מַה שְּׁלוֹמְךָ?"),
        ("The school of the army is in the USA.", "בית־הספר של צה״ל נמצא בארה״ב."),
        ("A giraffe costs 1,200 ₪.", "ג׳ירפה עולה 1,200 ₪."),
    ],
    "hi": [
        ("I am going home.", "मैं घर जा रहा हूँ।"),
        ("Do you read the letters?", "क्\u200dया आप ज़रूर चिट्ठियाँ पढ़ते हैं?"),
        ("He said: “It costs 25 rupees!”", "उसने कहा — “२५ रुपये लगेंगे!” ॥"),
    ],
    "th": [
        ("I eat rice at home.", "ผมกินข้าวที่บ้าน"),
        ("It costs 120 baht, and so on.", "ราคา ๑๒๐ บาท ฯลฯ"),
        ("He said: “Go quickly.”", "เขาพูดว่า “ไปเร็วๆ นะ”"),
    ],
    "km": [
        ("I go to the market.", "ខ្ញុំទៅផ្សារ។"),
        ("How are you?", "តើ\u200bអ្នក\u200bសុខសប្បាយ\u200bទេ?"),
        ("It costs 1,200 riel.", "តម្លៃ ១២០០ រៀល៕"),
    ],
    "my": [
        ("I go home.", "ကျွန်တော် အိမ်သို့ သွားသည်။"),
        ("Hello, how are you?", "မင်္ဂလာပါ၊ နေကောင်းလား။"),
        ("It is the year 2025.", "၂၀၂၅ ခုနှစ် ဖြစ်သည်။"),
    ],
    "ja": [
        ("He said “Hello!”.", "「こんにちは！」と彼は言った。"),
        ("The tower is (about) 333 m high.", "塔の高さは３３３ｍです（約）。"),
        ("Number one, please, Ms Takahashi…", "髙橋さん、①番へどうぞ…ｶﾀｶﾅ〜"),
    ],
    "ko": [
        ("I go home.", "나는 집에 갑니다."),
        ("“Hello?”, she said.", "“안녕하세요?”라고 말했다."),
        ("The price is about 1,000 won.", "가격은 약 1,000원(㈜한국)입니다."),
    ],
    "zh": [
        ("He said: “Hello! Let us go.”", "他说：“你好！我们走吧。”"),
        ("Is it (about) 100 yuan?", "价格为１００元（约合……），可以吗？"),
        ("I read the book; he sleeps.", "我读《书》；他睡觉。"),
    ],
    "de": [
        ("“Kind regards”, he said – and left.", "„Schöne Grüße“, sagte er – und ging."),
        ("That costs 10 000 € (½ price)…", "Das kostet 10\u00a0000\u202f€ (½ Preis)…"),
        ("5 m² in Straße 3", "5\u00a0m² in der Straße\u00a03"),
    ],
    "tr": [
        ("A mild light in Iğdır.", "Iğdır'da ılık bir ışık, İzmir'de iyi bir iş."),
        ("“Did you see the child?”, she said.", "“Şu çocuğu gördün mü?” dedi."),
        ("It costs 1,250.50 ₺.", "Fiyatı 1.250,50 ₺."),
    ],
    "vi": [
        ("I learn Vietnamese.", "Tôi đang học tiếng Việt."),
        ("“Are you well?” – she asked…", "“Bạn khoẻ không?” – cô ấy hỏi…"),
        ("It costs 25,000 ₫.", "Giá 25.000\u00a0₫, tăng 5%."),
    ],
    "am": [
        ("Hello, how are you?", "ሰላም፣ እንዴት ነህ፧"),
        ("I go home.", "ወደ ቤት እሄዳለሁ።"),
        ("It costs 25 birr;", "ዋጋው ፳፭ ብር ነው፤"),
    ],
}
