"""Exports of consoles and gateways in their documented shapes, written by hand; all of October 2026."""

import json


def _lines(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


OPENAI_USAGE = _lines(
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,"
    "batch,service_tier,compute_units,input_tokens,output_tokens,input_cached_tokens,"
    "input_cache_write_tokens,input_uncached_tokens,input_text_tokens,output_text_tokens,"
    "input_cached_text_tokens,input_audio_tokens,input_cached_audio_tokens,output_audio_tokens,"
    "input_image_tokens,input_cached_image_tokens,output_image_tokens",
    "1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00,proj_a,4.0,user-1,key_a,"
    "gpt-4o-mini-2024-07-18,False,default,,31422.0,290.0,20000.0,0.0,11422.0,11422.0,290.0,20000.0,0.0,0.0,0.0,"
    "0.0,0.0,0.0",
    "1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00,proj_a,7.0,user-1,key_b,"
    "gpt-4o-mini-2024-07-18,True,default,,1000.0,500.0,0.0,100.0,900.0,850.0,480.0,0.0,50.0,0.0,20.0,0.0,0.0,0.0",
    "1790899200,1790985600,2026-10-02T00:00:00+00:00,2026-10-03T00:00:00+00:00" + "," * 22,
)
OPENAI_USAGE_OLD = _lines(
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,"
    "batch,input_tokens,output_tokens,input_cached_tokens",
    "1790812800,1790812860,2026-10-01T00:00:00+00:00,2026-10-01T00:01:00+00:00,proj_a,1.0,,,gpt-4o-2024-08-06,"
    "False,12.0,3.0,0.0",
)
OPENAI_USAGE_NONE = _lines(
    "start_time,end_time,start_time_iso,end_time_iso",
    "1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00",
)
OPENAI_COST = _lines(
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,"
    "line_item,user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source",
    "1790812800,1790899200,2026-10-01T00:00:00,2026-10-02T00:00:00,0.003400000000000000000000000000000000,usd,"
    '22600,tokens,"gpt-4o-mini-2024-07-18, input",,,proj_a,org-x,Shop,Personal,ann@example.com,unlabeled',
    "1790812800,1790899200,2026-10-01T00:00:00,2026-10-02T00:00:00,-1.250000000000000000000000000000000000,usd,"
    ",,Credit,,,proj_a,org-x,Shop,Personal,,unlabeled",
    "1790899200,1790985600,2026-10-02T00:00:00+00:00,2026-10-03T00:00:00+00:00" + "," * 13,
)
OPENAI_COST_TOTAL = _lines(
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,"
    "line_item,user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email",
    "1790812800,1790899200,2026-10-01T00:00:00,2026-10-02T00:00:00,0.003400000000000000000000000000000000,usd,"
    ",,,,,,org-x,,Personal,",
)

_TOKENS = (
    "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,"
    "usage_input_tokens_cache_read,usage_output_tokens,web_search_count"
)
ANTHROPIC_TOKENS_OLDEST = _lines(
    "usage_date_utc,model_version,api_key,workspace,usage_type,usage_input_tokens_no_cache,"
    "usage_input_tokens_cache_write,usage_input_tokens_cache_read,usage_output_tokens,web_search_count",
    "2026-10-01,claude-opus-4-5-20251101,claude-sdk,Default,standard,43,302527,3301672,32676,0",
)
ANTHROPIC_TOKENS_2025 = _lines(
    f"usage_date_utc,model_version,api_key,workspace,usage_type,{_TOKENS}",
    "2026-10-01,claude-opus-4-5-20251101,claude-sdk,Default,standard,43,302527,0,3301672,32676,0",
)
ANTHROPIC_TOKENS_2026_02 = b"\xef\xbb\xbf" + _lines(
    f"usage_date_utc,model_version,api_key,workspace,usage_type,context_window,{_TOKENS}",
    "2026-10-01,claude-opus-4-5-20251101,claude-sdk,Default,standard,≤ 200k,43,302527,0,3301672,32676,0",
)
ANTHROPIC_TOKENS = _lines(
    f"usage_date_utc,model_version,api_key,workspace,usage_type,context_window,{_TOKENS},inference_geo,speed",
    "2026-10-01,claude-opus-4-5-20251101,claude-sdk,Default,standard,≤ 200k,43,302527,0,3301672,32676,0,"
    "global,standard",
    "2026-10-01,claude-haiku-4-5-20251001,,Search,batch,≤ 200k,1000,0,70,0,200,3,not_available,",
    "2026-10-03,claude-haiku-4-5-20251001,jobs,Search,standard,> 200k,5,0,0,0,6,0,not_available,",
)
ANTHROPIC_COST_2025 = _lines(
    "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,cost_type",
    "2026-10-01,Claude Opus 4.5,Default,claude-sdk,message,≤ 200k,input_cache_read,1.65,token",
)
ANTHROPIC_COST = _lines(
    "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,"
    "cost_type,inference_geo,speed,api_key_id,api_key_status",
    "2026-10-01,Claude Opus 4.5,Default,claude-sdk,message,≤ 200k,input_cache_read,1.65,1.65,token,global,"
    "standard,apikey_1,active",
    "2026-10-01,Claude Opus 4.5,Default,claude-sdk,message,≤ 200k,input_cache_write_5m,1.89,1.89,token,global,"
    "standard,apikey_1,active",
    "2026-10-01,Claude Opus 4.5,Default,claude-sdk,message,≤ 200k,output,0.82,0.82,token,global,standard,"
    "apikey_1,active",
    "2026-10-01,Claude Opus 4.5,Default,claude-sdk,message,≤ 200k,input_no_cache,0.00,0.00,token,global,standard,"
    "apikey_1,active",
    "2026-10-01,Claude Haiku 4.5,Search,,batch,,web_search,-0.30,-0.30,web_search,,,,",
)

_SPENDS = (
    "request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,model,"
    "custom_llm_provider,user,cache_hit,metadata,status,litellm_call_id"
)
LITELLM_CSV = _lines(
    _SPENDS,
    "chatcmpl-1,acompletion,88dc28d0f030c55ed4ab77ed8faf0981,0.0031,1250,1000,250,2026-10-01 08:00:00.123,"
    "2026-10-01 08:00:02.5,gpt-4o-mini-2024-07-18,openai,ann,False,"
    '"{""usage_object"": {""prompt_tokens"": 1000, ""prompt_tokens_details"": {""cached_tokens"": 600}, '
    '""completion_tokens_details"": {""reasoning_tokens"": 128}}}",success,call-1',
    "msg_1,anthropic_messages,88dc28d0f030c55ed4ab77ed8faf0981,0.02,520,500,20,2026-10-01 09:00:00+02,"
    '2026-10-01 09:00:02+02,anthropic/claude-haiku-4-5,anthropic,,,"{""additional_usage_values"": '
    '{""cache_read_input_tokens"": 300, ""cache_creation_input_tokens"": 150, ""prompt_tokens_details"": '
    '{""cache_creation_token_details"": {""ephemeral_5m_input_tokens"": 100, '
    '""ephemeral_1h_input_tokens"": 50}}}}",success,call-2',
    "chatcmpl-1_cache_hit1790845200.1,acompletion,88dc,0,1250,1000,250,2026-10-01 10:00:00,2026-10-01 10:00:00,"
    "gpt-4o-mini-2024-07-18,openai,,True,{},success,call-3",
    "chatcmpl-4-attempt-1,acompletion,88dc,0.0001,40,30,10,2026-10-01 11:00:00,2026-10-01 11:00:01,"
    "bedrock/anthropic.claude-haiku-4-5-v1:0,bedrock,,False,{},failure,call-4",
)
LITELLM_JSON = _lines(
    json.dumps(
        {
            "request_id": "chatcmpl-1",
            "call_type": "acompletion",
            "api_key": "88dc28d0f030c55ed4ab77ed8faf0981",
            "spend": 0.0031,
            "prompt_tokens": 1000,
            "completion_tokens": 250,
            "startTime": "2026-10-01T08:00:00.123Z",
            "model": "gpt-4o-mini-2024-07-18",
            "custom_llm_provider": "openai",
            "cache_hit": "False",
            "messages": [{"role": "user", "content": "a text that nobody keeps"}],
            "metadata": {
                "usage_object": {
                    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": None},
                    "completion_tokens_details": {"reasoning_tokens": 128},
                }
            },
            "status": "success",
            "litellm_call_id": "call-1",
        }
    ),
    '{"request_id": "call-5", "call_type": "acompletion", "spend": 0, "prompt_tokens": 0, "completion_tokens": 0,'
    ' "startTime": "2026-10-01T12:00:00Z", "model": "gpt-4o", "custom_llm_provider": "azure", "status": "failure",'
    ' "metadata": "{}"}',
)

OPENROUTER_CSV = _lines(
    "generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,byok_usage_inference,"
    "tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,provider_name,variant,"
    "cancelled,streamed,user,finish_reason_raw,finish_reason_normalized,generation_time_ms,"
    "time_to_first_token_ms,api_key_disabled,api_key_name,app_name",
    "gen-1,2026-10-02 21:13:05.476,0.003428,,-0.022362,,0,19352,111,55,17664,deepseek/deepseek-v4-pro-20260813,"
    "CoreWeave,standard,false,true,,stop,stop,1448,475,false,agent,Agent",
    "gen-2,2026-10-02 20:56:11.189,0.032237,,,,0,24606,1,0,0,deepseek/deepseek-v4-pro-20260813,CoreWeave,"
    "standard,true,true,,,,2225,938,false,agent,Agent",
    "gen-3,2026-10-01 10:00:00.000,0.000005,,,,0.0001,100,20,30,0,openai/gpt-5.6-luna-20260709,Azure,standard,"
    "false,true,,stop,stop,300,100,false,agent,Agent",
    "gen-4,2026-10-01 09:00:00.000,0,,,,0,50,10,0,0,meta-llama/llama-4-scout-17b-16e-instruct,Novita,free,false,"
    "true,,stop,stop,300,100,false,agent,Agent",
)
OPENROUTER_CSV_OLD = _lines(
    "created_at,generation_id,model_permaslug,provider_name,tokens_prompt,tokens_completion,tokens_reasoning,"
    "tokens_cached,cost_total,cost_cache",
    "2026-10-02 21:13:05.476,gen-1,deepseek/deepseek-v4-pro-20260813,CoreWeave,19352,111,55,17664,0.003428,-0.022362",
)
GENERATION = {
    "id": "gen-1",
    "request_id": "req-1",
    "upstream_id": "chatcmpl-9",
    "created_at": "2026-10-02T21:13:05.476Z",
    "model": "openai/gpt-5.6-luna-20260709",
    "provider_name": "OpenAI",
    "is_byok": False,
    "tokens_prompt": 18025,
    "tokens_completion": 100,
    "native_tokens_prompt": 19565,
    "native_tokens_completion": 111,
    "native_tokens_reasoning": 55,
    "native_tokens_cached": 17664,
    "native_tokens_completion_images": 0,
    "total_cost": 0.003428,
    "usage": 0.003428,
    "service_tier": "flex",
    "workspace_id": "ws-1",
    "response_cache_source_id": None,
}
OPENROUTER_GENERATIONS = _lines(
    json.dumps({"data": GENERATION}),
    json.dumps({"data": {**GENERATION, "id": "gen-2", "is_byok": True, "provider_name": "Amazon Bedrock"}}),
    json.dumps({"data": {**GENERATION, "id": "gen-3", "response_cache_source_id": "gen-1"}}),
)
ACTIVITY = {
    "date": "2026-10-01",
    "model": "openai/gpt-4.1",
    "model_permaslug": "openai/gpt-4.1-2025-04-14",
    "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
    "provider_name": "OpenAI",
    "requests": 5,
    "prompt_tokens": 50,
    "completion_tokens": 125,
    "reasoning_tokens": 25,
    "cached_tokens": 20,
    "usage": 0.015,
    "byok_usage_inference": 0,
}
OPENROUTER_ACTIVITY = json.dumps(
    {"data": [ACTIVITY, {**ACTIVITY, "date": "2026-10-02", "endpoint_id": "e2", "requests": 1}]}, indent=1
).encode()

SAMPLES: dict[str, list[bytes]] = {
    "openai_dashboard_usage_csv": [OPENAI_USAGE, OPENAI_USAGE_OLD, OPENAI_USAGE_NONE],
    "openai_dashboard_cost_csv": [OPENAI_COST, OPENAI_COST_TOTAL],
    "anthropic_console_tokens_csv": [
        ANTHROPIC_TOKENS,
        ANTHROPIC_TOKENS_2026_02,
        ANTHROPIC_TOKENS_2025,
        ANTHROPIC_TOKENS_OLDEST,
    ],
    "anthropic_console_cost_csv": [ANTHROPIC_COST, ANTHROPIC_COST_2025],
    "litellm_spend_logs_csv": [LITELLM_CSV],
    "litellm_spend_logs_json": [LITELLM_JSON],
    "openrouter_activity_csv": [OPENROUTER_CSV, OPENROUTER_CSV_OLD],
    "openrouter_activity_cost_csv": [OPENROUTER_CSV, OPENROUTER_CSV_OLD],
    "openrouter_generations_json": [OPENROUTER_GENERATIONS],
    "openrouter_activity_usage_json": [OPENROUTER_ACTIVITY],
    "openrouter_activity_cost_json": [OPENROUTER_ACTIVITY],
}
"""Files of each format; the first is the newest shape."""
