-- chat_memory in step with the server's: a message without text reads as its JSON, written as PostgreSQL writes jsonb; and a message that is
-- edited by its columns is edited in what chat_memory shows too.

-- Local only. The message that a trigger takes apart: a view has no arguments, and a trigger may not say WITH.
create table memory_input (
    one integer primary key,
    message text,
    before text, -- what the message said before, as memory_text
    constraint memory_input_one_row check (one = 1)
) strict;
insert into memory_input (one) values (1);

-- Its values, without members of an object that come again later.
create view memory_nodes as
with every as materialized (
    select n.id, n.parent, n.key, n.type, n.atom
    from memory_input as i, json_tree(i.message) as n
)

select id, parent, key, type, atom
from every as n
where not exists (select 1 from every as later where later.parent = n.parent and later.key = n.key and later.id > n.id);

-- The whole as text: from the last value to the first, so that what an array or an object holds is known when it is reached. Members of an
-- object stand in the order of their keys' lengths, then of their bytes.
create view memory_text as
with recursive nodes as materialized (
    select * from memory_nodes
),

folded as (
    select
        max(id) + 1 as id,
        '{}' as texts
    from nodes
    union all
    select
        n.id,
        json_set(
            f.texts,
            '$."' || n.id || '"',
            case n.type
                when 'array' then '[' || coalesce((
                    select group_concat(text, ', ')
                    from (
                        select json_extract(f.texts, '$."' || c.id || '"') as text
                        from nodes as c
                        where c.parent = n.id
                        order by c.id
                    )
                ), '') || ']'
                when 'object' then '{' || coalesce((
                    select group_concat(text, ', ')
                    from (
                        select json_quote(c.key) || ': ' || json_extract(f.texts, '$."' || c.id || '"') as text
                        from nodes as c
                        where c.parent = n.id
                        order by length(cast(c.key as blob)), cast(c.key as blob)
                    )
                ), '') || '}'
                when 'integer' then json_quote(n.atom) || '' -- text, and no JSON that json_set would take for a value
                when 'real' then json_quote(n.atom) || ''
                when 'text' then json_quote(n.atom) || ''
                else n.type
            end
        )
    from folded as f
    join nodes as n on n.id = (select max(id) from nodes where id < f.id)
)

select json_extract(texts, '$."0"') as text
from folded
where id = 0;

-- What a message of that form is here: who said it, what, and which model. Text counts where it is text.
create view memory_parts as
with nodes as materialized (
    select * from memory_nodes
)

select
    case
        when top.role in ('user', 'assistant', 'system') then top.role
        when top.kind = 'ai' then 'assistant'
        when top.kind = 'system' then 'system'
        else 'user'
    end as role,
    coalesce(
        top.content,
        (
            select c.atom
            from nodes as d
            join nodes as c on c.parent = d.id and c.key = 'content' and c.type = 'text'
            where d.parent = 0 and d.key = 'data' and d.type = 'object'
        ),
        top.text,
        (select text from memory_text)
    ) as content,
    iif(length(top.model) <= 100, top.model, null) as model,
    (select json(message) from memory_input) as raw
from (
    select
        max(iif(key = 'role', atom, null)) as role,
        max(iif(key = 'type', atom, null)) as kind,
        max(iif(key = 'content', atom, null)) as content,
        max(iif(key = 'text', atom, null)) as text,
        max(iif(key = 'model', atom, null)) as model
    from nodes
    where parent = 0 and type = 'text' and typeof(key) = 'text'
) as top;

drop trigger chat_memory_insert;
create trigger chat_memory_insert instead of insert on chat_memory
begin
    update memory_input set message = new.message;
    insert into chat_messages (id, session_id, role, content, model, message_timestamp, raw_message)
    select
        coalesce(
            new.id,
            lower(
                hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
                || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
            )
        ),
        new.session_id,
        p.role,
        p.content,
        p.model,
        coalesce(new.created_at, m.now),
        p.raw
    from memory_parts as p, moment as m;
    update memory_input set message = null;
end;

drop trigger chat_memory_update;
create trigger chat_memory_update instead of update on chat_memory
begin
    update chat_messages
    set id = new.id,
        session_id = new.session_id,
        message_timestamp = new.created_at
    where id = old.id;
    update memory_input set message = old.message;
    update memory_input set before = (select text from memory_text);
    update memory_input set message = new.message;
    update chat_messages
    set (role, content, model, raw_message) = (select role, content, model, raw from memory_parts)
    where id = new.id and (select text from memory_text) is not (select before from memory_input);
    update memory_input set message = null, before = null;
end;

create trigger chat_messages_raw_message after update of role, content, model on chat_messages
when
    new.raw_message is not null
    and new.raw_message is old.raw_message
    and (new.role, new.content, new.model) is not (old.role, old.content, old.model)
begin
    update chat_messages
    set raw_message = iif(
        json_type(raw_message) = 'object',
        json_set(raw_message, '$.role', role, '$.content', content, '$.model', model),
        null
    )
    where local_id = new.local_id;
end;

-- The messages that were written through chat_memory, by conversation.
create index idx_chat_memory_session_id on chat_messages (session_id) where raw_message is not null;
