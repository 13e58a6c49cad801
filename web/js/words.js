// Every word that the pages say, in English and Chinese. Keys are used once each, and both languages have all of them.

const ENGLISH = {
  search: "Search", arithmetic: "Arithmetic", map: "Map", recommend: "Recommend", report: "Report", training: "Training", status: "Status", api: "API",
  model: "Model", theme: "Light or dark", language: "中文", skip: "Skip to content",
  search_title: "What is near?", search_lead: "Find an item by id or title, and see what the model puts near it.",
  search_hint: "Type an id or a title", vectors: "Vectors", metric: "Compared by", input: "input", output: "output", sum: "sum", concat: "both", "in-out": "input → output",
  cosine: "cosine", dot: "dot product", euclidean: "distance", why: "why?", add_history: "to history", on_map: "on map", times: "{n} ×", in_history: "Added to the history",
  why_lead: "Both predict:", why_none: "There is no context that both predict more than the usual item does.", why_none_output: "This model has no output vectors, from which reasons are read.",
  start_with: "Start with something frequent:", alike: "Nothing holds these letters. Spelt alike:", nothing: "Nothing found.",
  arithmetic_title: "Add and take away", arithmetic_lead: "What is near the sum of vectors? A word with + is gone towards, one with − away from.",
  expression: "or write it: madrid - spain + france", compute: "Compute", add_term: "Add an item", method: "Method", keep_asked: "show the question's own items", flip: "change the sign", take_out: "take out", clear: "Clear", samples: "Try:",
  map_title: "Map", map_lead: "Near in the picture is near in the model, mostly: {n} dimensions cannot all be kept in two.",
  pca: "principal components", layout: "layout of neighbours", drawn: "{n} of {total} drawn, the most frequent", drawing: "Laying out … {n} %", colour: "Colour", cluster: "cluster", count: "frequency", none: "none", drawn_by: "Drawn by",
  lasso: "Lasso", move: "Move", reset: "Whole map", enclosed: "{n} enclosed", lasso_hint: "Draw around points with the lasso to list them. Wheel or + and − zoom, arrows move.", find_on_map: "Find on the map", copy_ids: "Copy ids", not_drawn: "'{id}' is not among the points drawn.", others: "others",
  recommend_title: "Recommend", recommend_lead: "Build a history, oldest first, and watch what comes next, with the reasons.",
  add_item: "Add to the history", history: "History", oldest: "oldest first", empty_history: "Nothing yet: what is popular is listed.", earlier: "earlier", later: "later", not_asked: "not asked: the recipe takes the last {n}",
  diversity: "Variety", include_history: "may list the history", curl: "Copy as curl", copied: "Copied", popularity: "its popularity", asked_by: "Asked by", because_exact: "Bars: which part of the score each item of the history makes.", because_about: "Bars: what the score loses without each item, about.", filters: "Filters", add_filter: "Add a condition", must: "must", must_not: "must not", field: "field", value: "value", equals: "is", contains: "has", less: "<", more: ">", unknown_items: "Not in this model: {ids}", no_results: "Nothing to list: {cause}", popular_listed: "Popular items",
  report_title: "Report", report_lead: "What this model is, and how good it is beside counting.",
  training_title: "Training", training_lead: "The curve of the run, while it runs.", loss: "loss a pair", epoch: "epoch", speed: "tokens a second", left: "time left", quality: "NDCG@10 on validation", waiting_run: "Waiting for a run", waiting_run_lead: "Nothing has been logged yet. The curve appears as soon as training begins.", no_log: "This model has no log of its training.", finished: "finished", running: "running", done_share: "done",
  status_title: "Models and status", status_lead: "What is served here, and how fast.", uptime: "up for", requests: "requests", open: "open now", refused: "refused", items: "items", dim: "values a vector", created: "made", recipe: "recipe", measured: "chosen by validation", usual: "usual recipe, not measured", network: "network", added_items: "added", version: "version", route: "route", p50: "half within", p99: "99 % within", swap: "Put another version in its place", swap_path: "Folder, inside of the models' root", admin_token: "Admin token", swapped: "Now serving {v}", no_admin: "No admin token is set: nothing can be changed by requests.",
  api_title: "API", api_lead: "Every answer carries the model's version. Errors say what was wrong and what may have been meant.", as_json: "OpenAPI as JSON", body: "Body", parameters: "Parameters",
  token_title: "A token is needed", token_lead: "This server answers with a token only. It is kept in this tab alone.", token: "Token", ok: "OK", cancel: "Cancel",
  failed: "That did not work", did_you_mean: "Did you mean", unknown_item: "Not in this model", offline: "The server cannot be reached.", retry: "Try again", no_models: "No model yet", no_models_lead: "The one in training is served as soon as it is done.", page_unknown: "There is no such page.",
  id: "id", title: "title", score: "score", loading: "Loading",
};

const CHINESE = {
  search: "搜索", arithmetic: "向量运算", map: "地图", recommend: "推荐", report: "报告", training: "训练", status: "状态", api: "接口",
  model: "模型", theme: "浅色或深色", language: "English", skip: "跳到正文",
  search_title: "谁在附近？", search_lead: "按编号或标题查找条目，看模型把什么放在它附近。",
  search_hint: "输入编号或标题", vectors: "向量", metric: "比较方式", input: "输入", output: "输出", sum: "两者之和", concat: "两者拼接", "in-out": "输入 → 输出",
  cosine: "余弦", dot: "点积", euclidean: "距离", why: "为什么？", add_history: "加入历史", on_map: "在地图上", times: "{n} 次", in_history: "已加入历史",
  why_lead: "两者都预测：", why_none: "没有哪个上下文被两者同时预测得高于一般条目。", why_none_output: "该模型没有输出向量，无法读出原因。",
  start_with: "从常见的条目开始：", alike: "没有包含这些字符的条目。拼写相近的有：", nothing: "没有找到。",
  arithmetic_title: "加与减", arithmetic_lead: "哪些条目靠近向量之和？带 + 的靠近，带 − 的远离。",
  expression: "或直接写：madrid - spain + france", compute: "计算", add_term: "添加条目", method: "方法", keep_asked: "也显示问题中的条目", flip: "改变符号", take_out: "移除", clear: "清空", samples: "试试：",
  map_title: "地图", map_lead: "图中相近的，在模型里大多也相近：{n} 维无法完全保留在二维中。",
  pca: "主成分", layout: "近邻布局", drawn: "共 {total} 个，画出最常见的 {n} 个", drawing: "正在布局…… {n} %", colour: "颜色", cluster: "聚类", count: "频次", none: "无", drawn_by: "画法",
  lasso: "套索", move: "移动", reset: "全图", enclosed: "圈中 {n} 个", lasso_hint: "用套索圈住点即可列出。滚轮或 + − 缩放，方向键移动。", find_on_map: "在地图上查找", copy_ids: "复制编号", not_drawn: "“{id}”不在画出的点中。", others: "其他",
  recommend_title: "推荐", recommend_lead: "按时间先后组成历史，看接下来推荐什么以及原因。",
  add_item: "加入历史", history: "历史", oldest: "最早的在前", empty_history: "还没有历史：列出的是热门条目。", earlier: "提前", later: "移后", not_asked: "未使用：配方只取最后 {n} 个",
  diversity: "多样性", include_history: "可包含历史条目", curl: "复制为 curl", copied: "已复制", popularity: "自身热度", asked_by: "提问方式", because_exact: "色条：历史中各条目贡献的分数份额。", because_about: "色条：去掉某条目后分数大约减少多少。", filters: "过滤", add_filter: "添加条件", must: "必须", must_not: "不得", field: "字段", value: "值", equals: "等于", contains: "包含", less: "<", more: ">", unknown_items: "模型中没有：{ids}", no_results: "没有可列出的：{cause}", popular_listed: "热门条目",
  report_title: "报告", report_lead: "这个模型是什么，与计数相比有多好。",
  training_title: "训练", training_lead: "训练进行时的曲线。", loss: "每对损失", epoch: "轮次", speed: "每秒词元", left: "剩余时间", quality: "验证集 NDCG@10", waiting_run: "等待训练", waiting_run_lead: "还没有日志。训练开始后曲线会立刻出现。", no_log: "该模型没有训练日志。", finished: "已完成", running: "进行中", done_share: "完成",
  status_title: "模型与状态", status_lead: "这里提供哪些模型，速度如何。", uptime: "已运行", requests: "请求", open: "正在处理", refused: "已拒绝", items: "条目", dim: "维", created: "生成于", recipe: "配方", measured: "由验证集选定", usual: "通用配方，未经测量", network: "神经网络", added_items: "新增", version: "版本", route: "路由", p50: "半数不超过", p99: "99 % 不超过", swap: "换上另一个版本", swap_path: "模型根目录内的文件夹", admin_token: "管理令牌", swapped: "现在提供 {v}", no_admin: "未设置管理令牌：不能通过请求修改。",
  api_title: "接口", api_lead: "每个回答都带有模型版本。错误会说明哪里不对、可能想写什么。", as_json: "OpenAPI（JSON）", body: "请求体", parameters: "参数",
  token_title: "需要令牌", token_lead: "该服务器只回答带令牌的请求。令牌只保存在此标签页中。", token: "令牌", ok: "确定", cancel: "取消",
  failed: "没有成功", did_you_mean: "是否想找", unknown_item: "模型中没有", offline: "无法连接服务器。", retry: "重试", no_models: "还没有模型", no_models_lead: "训练中的模型完成后会立刻提供。", page_unknown: "没有这个页面。",
  id: "编号", title: "标题", score: "分数", loading: "载入中",
};

const stored = localStorage.getItem("language");
export let language = stored ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export function setLanguage(next) {
  language = next;
  localStorage.setItem("language", next);
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
}

/** A text by its key, with `{name}` replaced. */
export function t(key, values = {}) {
  const text = (language === "zh" ? CHINESE : ENGLISH)[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const number = (value) => new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en-US").format(value);
