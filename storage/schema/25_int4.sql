-- An integer of the server has four bytes; an INTEGER of SQLite has eight.

create trigger profiles_int4_insert before insert on profiles
when max(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) > 2147483647
    or min(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger profiles_int4_update before update of credits, total_conversations, total_searches, message_count on profiles
when max(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) > 2147483647
    or min(coalesce(new.credits, 0), coalesce(new.total_conversations, 0), coalesce(new.total_searches, 0), coalesce(new.message_count, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger chat_sessions_int4_insert before insert on chat_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger chat_sessions_int4_update before update of message_count on chat_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger chat_messages_int4_insert before insert on chat_messages
when max(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) > 2147483647
    or min(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger chat_messages_int4_update before update of total_tokens, input_tokens, output_tokens, elapsed_time, elapsed_ms, output_image_tokens on chat_messages
when max(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) > 2147483647
    or min(coalesce(new.total_tokens, 0), coalesce(new.input_tokens, 0), coalesce(new.output_tokens, 0), coalesce(new.elapsed_time, 0), coalesce(new.elapsed_ms, 0), coalesce(new.output_image_tokens, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger user_usage_daily_int4_insert before insert on user_usage_daily
when max(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) > 2147483647
    or min(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger user_usage_daily_int4_update before update of messages_sent, messages_received, sessions_created, active_minutes on user_usage_daily
when max(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) > 2147483647
    or min(coalesce(new.messages_sent, 0), coalesce(new.messages_received, 0), coalesce(new.sessions_created, 0), coalesce(new.active_minutes, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger model_access_int4_insert before insert on model_access
when max(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) > 2147483647
    or min(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger model_access_int4_update before update of daily_limit, monthly_limit on model_access
when max(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) > 2147483647
    or min(coalesce(new.daily_limit, 0), coalesce(new.monthly_limit, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger search_sessions_int4_insert before insert on search_sessions
when new.results_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger search_sessions_int4_update before update of results_count on search_sessions
when new.results_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger user_sessions_int4_insert before insert on user_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger user_sessions_int4_update before update of message_count on user_sessions
when new.message_count not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger visit_messages_int4_insert before insert on visit_messages
when max(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) > 2147483647
    or min(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger visit_messages_int4_update before update of processing_time_ms, sequence_order on visit_messages
when max(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) > 2147483647
    or min(coalesce(new.processing_time_ms, 0), coalesce(new.sequence_order, 0)) < -2147483648
begin
    select raise(abort, 'integer out of range');
end;

create trigger user_interactions_int4_insert before insert on user_interactions
when new.duration not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;

create trigger user_interactions_int4_update before update of duration on user_interactions
when new.duration not between -2147483648 and 2147483647
begin
    select raise(abort, 'integer out of range');
end;
